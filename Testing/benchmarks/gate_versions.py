"""Volumes as people hand them over, and objects that are no heads, for the benchmark of the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from strip_volumes import strip

from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.store.model_search import find_model, model_of_method
from anofpdm.volumes.head import axis_of_slices

Array = npt.NDArray[np.float64]
OBJECT_SPACING_MM = (1.5, 1.5, 6.0)


def upside_down(image: sitk.Image) -> sitk.Image:
    """The same header over slices in the opposite order."""
    steps = [slice(None)] * 3
    steps[axis_of_slices(image)] = slice(None, None, -1)
    turned = sitk.Image(image[tuple(steps)])
    turned.CopyInformation(image)
    return turned


def z_scored(image: sitk.Image) -> sitk.Image:
    """Mean 0 and spread 1 of what is not 0, as many programs leave it; the background becomes the lowest value."""
    values = sitk.GetArrayFromImage(image).astype(np.float32)
    seen = values[values != 0]
    scaled = sitk.GetImageFromArray((values - seen.mean()) / seen.std())
    scaled.CopyInformation(image)
    return scaled


def stripped(image: sitk.Image) -> sitk.Image:
    """Everything outside an approximate mask of the brain set to 0."""
    config = find_model(model_of_method("anofpdm")).config
    assert isinstance(config, DiffusionConfig)
    return strip(image, config.modalities[0], config)


def cropped(image: sitk.Image) -> sitk.Image:
    """The box around the brain: skull and scalp are cut off where they stick out of it."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(stripped(image) != 0)
    x, y, z, *size = shape.GetBoundingBox(1)
    return sitk.RegionOfInterest(image, size, (x, y, z))


VERSIONS: dict[str, Callable[[sitk.Image], sitk.Image]] = {
    "upside-down": upside_down,
    "z-scored": z_scored,
    "stripped": stripped,
    "cropped": cropped,
}


def objects() -> Iterator[tuple[str, sitk.Image]]:
    """Noise, phantoms, and limbs drawn as ellipsoids, each with the size of a head, 21 slices of 6 mm."""
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[-10:11, -80:80, -80:80].astype(float)

    def ellipsoid(a: float, b: float, c: float, y_at: float = 0, x_at: float = 0) -> npt.NDArray[np.bool_]:
        return ((x - x_at) / a) ** 2 + ((y - y_at) / b) ** 2 + (z / c) ** 2 < 1

    def layered(*layers: tuple[npt.NDArray[np.bool_], float]) -> Array:
        values = np.zeros(x.shape)
        for inside, value in layers:
            values[inside] = value
        return values

    def noise(scale: float) -> Array:
        return rng.rayleigh(scale, x.shape)

    knee = layered(
        (ellipsoid(45, 45, 30), 300),
        (ellipsoid(42, 42, 30), 150),
        (ellipsoid(30, 28, 30, -5), 450),
        (ellipsoid(12, 8, 30, 30), 400),
    )
    bones = layered(
        (ellipsoid(45, 45, 30), 700),
        (ellipsoid(40, 40, 30), 300),
        (ellipsoid(14, 14, 30, 5, -18), 900),
        (ellipsoid(14, 14, 30, 5, 18), 900),
    )
    shepp_logan = layered(
        (ellipsoid(50, 66, 10), 1000),
        (ellipsoid(47, 62, 9.5), 200),
        (ellipsoid(8, 22, 6, 0, 15), 0),
        (ellipsoid(11, 28, 6, 0, -15), 0),
        (ellipsoid(14, 17, 5, -25), 300),
    )
    smooth = layered((ellipsoid(50, 65, 9.5), 400), (ellipsoid(46, 61, 9), 250))
    chequered = ((x // 10 + y // 10) % 2) * 400 * ellipsoid(60, 60, 12)
    yield "noise of a magnitude image", _volume(noise(100))
    yield "normal noise", _volume(np.abs(rng.normal(0, 100, x.shape)))
    yield "ellipsoid of one value", _volume(layered((ellipsoid(50, 65, 10), 500)))
    yield "ball", _volume(layered((ellipsoid(60, 60, 10), 500)) + noise(8))
    yield "knee", _volume(knee + noise(8))
    yield "limb with two bones", _volume(bones + noise(15))
    yield "Shepp and Logan's phantom", _volume(shepp_logan)
    yield "the same with noise", _volume(shepp_logan + noise(20))
    yield "chequered ball", _volume(chequered + noise(8))
    yield "cylinder", _volume(layered((np.hypot(x, y) < 60, 500)) + noise(8))
    yield "smooth head without folds", _volume(smooth + noise(5))


def _volume(values: Array) -> sitk.Image:
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing(OBJECT_SPACING_MM)
    return image
