"""A rendered head as volumes: in the patient's space, stored as scanners store them, in a file's own intensities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.arrays import FloatArray
from ..volumes.geometry import VolumeGeometry
from .renderer import RenderedHead
from .slab import Slab

Intensities = Literal["scanner", "z-scored"]
MOST_OBLIQUE_DEGREES = 12.0
ISOTROPIC_MM = 1.5
"""Volumes of slices up to this far apart are stored sagittal as often as axial."""
LEFT, RIGHT = 1, 2
"""Values of a side map; 0 elsewhere."""


@dataclass(frozen=True)
class Placement:
    """Where a slab lies in the patient, and in which order its voxels are stored.

    `directions` [3, 3]: columns are the LPS directions of the slab's x, y and z. `center`: LPS mm of its middle.
    `axes`: which of x, y, z (0, 1, 2) runs along i, j and k; `reversed`: which of i, j, k run backwards.
    """

    directions: FloatArray
    center: tuple[float, float, float]
    axes: tuple[int, int, int] = (0, 1, 2)
    reversed: tuple[bool, bool, bool] = (False, False, False)

    def geometry(self, slab: Slab) -> VolumeGeometry:
        """The volume's geometry."""
        sizes = (slab.matrix, slab.matrix, slab.slices)
        spacings = (slab.pixel_mm, slab.pixel_mm, slab.spacing_mm)
        size = tuple(sizes[axis] for axis in self.axes)
        spacing = tuple(float(spacings[axis]) for axis in self.axes)
        signs = np.where(self.reversed, -1.0, 1.0)
        direction = np.asarray(self.directions, np.float64)[:, list(self.axes)] * signs
        half = (np.asarray(size) - 1) / 2 * np.asarray(spacing)
        origin = np.asarray(self.center) - direction @ half
        return VolumeGeometry(size, spacing, tuple(origin.tolist()), tuple(direction.ravel().tolist()))  # type: ignore[arg-type]

    def stored(self, stack: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A field [slices, rows, columns] of the slab as the volume's array [k, j, i]."""
        i, j, k = self.axes
        array = stack.transpose(2 - k, 2 - j, 2 - i)
        steps = tuple(slice(None, None, -1) if back else slice(None) for back in reversed(self.reversed))
        return np.ascontiguousarray(array[steps])


def draw_placement(rng: np.random.Generator, slab: Slab, oblique_degrees: float = MOST_OBLIQUE_DEGREES) -> Placement:
    """Draw one: turned by up to `oblique_degrees` about each axis; thin slices stored axial or sagittal."""
    turn = rng.uniform(-oblique_degrees, oblique_degrees, 3)
    center = rng.uniform(-40, 40, 3)
    sagittal = slab.spacing_mm <= ISOTROPIC_MM and rng.random() < 0.5
    backwards = rng.random(3) < 0.25
    return Placement(
        directions=rotation(*turn),
        center=(float(center[0]), float(center[1]), float(center[2])),
        axes=(1, 2, 0) if sagittal else (0, 1, 2),
        reversed=(bool(backwards[0]), bool(backwards[1]), bool(backwards[2])),
    )


def rotation(x_degrees: float, y_degrees: float, z_degrees: float) -> FloatArray:
    """[3, 3] about x, then y, then z."""
    turns = []
    for axis, degrees in enumerate((x_degrees, y_degrees, z_degrees)):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        turn = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn[first, first], turn[first, second], turn[second, first], turn[second, second] = c, -s, s, c
        turns.append(turn)
    return np.asarray(turns[2] @ turns[1] @ turns[0])


def image_volume(head: RenderedHead, placement: Placement, intensities: Intensities, gain: float) -> sitk.Image:
    """The picture as a volume: whole numbers with white matter at about `gain`, or z-scored float32.

    z-scored: mean 0 and standard deviation 1 inside what the picture shows; around a stripped brain 0, too.
    """
    values = head.image.numpy()
    if intensities == "scanner":
        stored = np.round(values * gain).clip(0, 32767).astype(np.int16)
    else:
        shown = values > 0 if head.stripped else np.ones(values.shape, dtype=bool)
        inside = values[shown]
        scores = (values - inside.mean()) / max(float(inside.std()), 1e-6)
        stored = np.where(shown, scores, 0).astype(np.float32)
    return placement.geometry(head.slab).to_image_like(placement.stored(stored))


def mask_volume(share: FloatArray, slab: Slab, placement: Placement) -> sitk.Image:
    """Shares [slices, rows, columns] of at least a half as a volume of 0 and 1, uint8."""
    return placement.geometry(slab).to_image_like(placement.stored((share >= 0.5).astype(np.uint8)))
