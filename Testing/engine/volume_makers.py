"""Small volumes with known content at known places, in memory and as files."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

FloatArray = npt.NDArray[np.float64]

AXIAL = np.eye(3)
SAGITTAL = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Columns i, j, k along P, S, L."""
CORONAL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Columns i, j, k along L, S, A."""


def rotation(axis: Iterable[float], degrees: float) -> FloatArray:
    """Rotation matrix about `axis` (Rodrigues' formula)."""
    x, y, z = np.asarray(list(axis), dtype=np.float64) / np.linalg.norm(list(axis))
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    result: FloatArray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return result


def all_axis_orders() -> list[FloatArray]:
    """The 48 signed permutation matrices, right- and left-handed."""
    return [
        np.eye(3)[:, order] * np.array(signs)
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]


def make_image(
    array: npt.NDArray[np.generic],
    spacing: Iterable[float] = (1.0, 1.0, 1.0),
    origin: Iterable[float] = (0.0, 0.0, 0.0),
    direction: FloatArray = AXIAL,
) -> sitk.Image:
    """Image of `array` [k, j, i]."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(s) for s in spacing])
    image.SetOrigin([float(o) for o in origin])
    image.SetDirection([float(d) for d in np.asarray(direction).ravel()])
    return image


def image_around(
    size: tuple[int, int, int], spacing: tuple[float, float, float], center: FloatArray, direction: FloatArray
) -> sitk.Image:
    """Empty float32 image with its middle at `center` (LPS mm)."""
    half = (np.asarray(size) - 1) / 2 * np.asarray(spacing)
    return make_image(np.zeros(size[::-1], np.float32), spacing, center - direction @ half, direction)


def voxel_centers(image: sitk.Image) -> FloatArray:
    """LPS mm [k, j, i, 3] of every voxel, by the definition of origin, spacing and direction."""
    size = image.GetSize()
    k, j, i = np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij")
    scaled = np.stack([i, j, k], axis=-1) * np.asarray(image.GetSpacing())
    points: FloatArray = scaled @ np.asarray(image.GetDirection()).reshape(3, 3).T + np.asarray(image.GetOrigin())
    return points


def paint_ball(image: sitk.Image, center: FloatArray, radius: float, value: float = 1.0) -> sitk.Image:
    """A copy with a ball, its border smoothed over one voxel diagonal, added in physical space."""
    distance = np.linalg.norm(voxel_centers(image) - center, axis=-1)
    border = float(np.linalg.norm(image.GetSpacing()))
    ball = value * np.clip((radius - distance) / border + 0.5, 0, 1)
    painted = sitk.GetImageFromArray((sitk.GetArrayFromImage(image) + ball).astype(np.float32))
    painted.CopyInformation(image)
    return painted


def centroid(image: sitk.Image) -> FloatArray:
    """Intensity-weighted middle in LPS mm."""
    weights = sitk.GetArrayFromImage(image).astype(np.float64)
    result: FloatArray = (voxel_centers(image) * weights[..., None]).sum(axis=(0, 1, 2)) / weights.sum()
    return result


def head_like(size: tuple[int, int, int] = (48, 40, 12)) -> npt.NDArray[np.int16]:
    """Varied positive integers [k, j, i]; no voxel is 0, so that a lost part shows."""
    values: npt.NDArray[np.int16] = np.random.default_rng(7).integers(1, 3000, size[::-1]).astype(np.int16)
    return values


def write_dicom_series(
    folder: Path,
    image: sitk.Image,
    *,
    series: str = "1.2.826.0.1.3680043.2.1125.1.1",
    prefix: str = "slice",
    leave_out: Iterable[int] = (),
    shift: dict[int, float] | None = None,
    slopes: dict[int, float] | None = None,
) -> list[Path]:
    """One file per slice of an integer image, in shuffled file order, with made-up patient data.

    `leave_out`: slices not written; `shift`: mm along the normal by slice; `slopes`: rescale slope by slice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    direction = np.asarray(image.GetDirection()).reshape(3, 3)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    paths = []
    skipped = set(leave_out)
    for k in range(image.GetDepth()):
        if k in skipped:
            continue
        position = np.asarray(image.TransformIndexToPhysicalPoint((0, 0, k)))
        position = position + direction[:, 2] * (shift or {}).get(k, 0.0)
        single = image[:, :, k]
        tags = {
            "0008|0060": "MR",
            "0008|0016": "1.2.840.10008.5.1.4.1.1.4",
            "0008|0018": f"{series}.{k + 1}",
            "0010|0010": "SECRET^PATIENT",
            "0010|0020": "SECRETID",
            "0010|0030": "19010203",
            "0020|000d": "1.2.826.0.1.3680043.2.1125.1",
            "0020|000e": series,
            "0020|0013": str(k + 1),
            "0020|0032": "\\".join(f"{p:.8f}" for p in position),
            "0020|0037": "\\".join(f"{d:.8f}" for d in (*direction[:, 0], *direction[:, 1])),
            "0018|0050": f"{image.GetSpacing()[2]:.6f}",
        }
        if slopes:
            tags["0028|1053"] = str(slopes.get(k, 1.0))
            tags["0028|1052"] = "0"
        for key, value in tags.items():
            single.SetMetaData(key, value)
        path = folder / f"{prefix}_{(k * 37) % 100:03d}_{k}.dcm"
        writer.SetFileName(str(path))
        writer.Execute(single)
        paths.append(path)
    return paths
