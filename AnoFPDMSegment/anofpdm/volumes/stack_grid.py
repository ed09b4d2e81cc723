"""The stack of axial slices that the network sees, laid out in patient space."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.errors import InputError
from .geometry import FloatArray, VolumeGeometry
from .input_config import GridConfig

MAXIMUM_TILT_DEGREES = 30.0
"""Acquired slices tilted further from axial than this are not used as they are."""
ALIGNED_COSINE = 1 - 1e-8
"""Axes this parallel are the same axis, up to the rounding of stored direction cosines."""
ROUNDING = 1e-6
"""Relative slack before a length counts as longer than another."""


@dataclass(frozen=True)
class StackGrid(VolumeGeometry):
    """Geometry of the stack: size (W, H, S); arrays are [S, H, W].

    The axes are right-handed and orthonormal, about +L, +P and +S: slices from inferior to superior,
    row 0 anterior, column 0 at the patient's right.
    """

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel in millimetres."""
        return self.spacing[0]

    @property
    def slice_spacing_mm(self) -> float:
        """Distance of neighbouring slices in millimetres; the slice's thickness if there is only one."""
        return self.spacing[2]

    @property
    def slice_centers(self) -> FloatArray:
        """LPS mm [S, 3] of the middle of every slice."""
        width, height, slices = self.size
        index = np.empty((slices, 3))
        index[:, 0] = (width - 1) / 2
        index[:, 1] = (height - 1) / 2
        index[:, 2] = np.arange(slices)
        return self.to_physical(index)

    @property
    def ras_s(self) -> FloatArray:
        """RAS S coordinate [S] of the middle of every slice, in mm."""
        return self.slice_centers[:, 2]

    def with_pixels(self, width: int, height: int) -> StackGrid:
        """The same slices and field of view with another number of pixels."""
        across, down = self.size[0] / width, self.size[1] / height
        x, y, z = self.to_physical([(across - 1) / 2, (down - 1) / 2, 0]).tolist()
        return replace(
            self,
            size=(width, height, self.size[2]),
            spacing=(self.spacing[0] * across, self.spacing[1] * down, self.spacing[2]),
            origin=(x, y, z),
        )


def plan_stack(image: sitk.Image, head_mask: sitk.Image, config: GridConfig) -> StackGrid:
    """Lay the model's stack over a volume.

    `head_mask` is uint8 on the image's grid, nonzero in the head; it is looked at only with
    `config.centring` "head". Raises InputError if it is then empty and ValueError if it lies on
    another grid.
    """
    geometry = VolumeGeometry.from_image(image)
    if head_mask.GetSize() != image.GetSize():
        raise ValueError("the head mask must lie on the image's grid")
    frame = _stack_axes(geometry, config)
    lowest, slices, spacing = _slice_positions(geometry, frame[:, 2], config)
    if config.centring == "head":
        middle = [_middle_of_mask(head_mask, geometry, frame[:, a]) for a in (0, 1)]
    else:
        middle = [float(geometry.center @ frame[:, a]) for a in (0, 1)]
    half = (config.matrix - 1) / 2 * config.pixel_mm
    origin = frame @ np.array([middle[0] - half, middle[1] - half, lowest])
    return StackGrid(
        size=(config.matrix, config.matrix, slices),
        spacing=(config.pixel_mm, config.pixel_mm, spacing),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=tuple(float(d) for d in frame.ravel()),  # type: ignore[arg-type]
    )


def stack_slices(geometry: VolumeGeometry, config: GridConfig) -> int:
    """How many slices the stack over a volume has, head or not."""
    _, slices, _ = _slice_positions(geometry, _stack_axes(geometry, config)[:, 2], config)
    return slices


def _stack_axes(geometry: VolumeGeometry, config: GridConfig) -> FloatArray:
    """Columns: the unit vectors of the stack's columns, rows and slices in LPS."""
    if config.plane == "patient":
        return np.eye(3)
    # Polar decomposition: the orthogonal matrix nearest to the stored cosines (Higham 1986).
    left, _, right = np.linalg.svd(geometry.direction_matrix)
    frame = _nearest_to_patient_axes(left @ right)
    if frame[2, 2] < math.cos(math.radians(MAXIMUM_TILT_DEGREES)):
        return np.eye(3)
    return frame


def _nearest_to_patient_axes(axes: FloatArray) -> FloatArray:
    """The columns of `axes`, reordered and reversed into the rotation nearest to the identity."""
    rotations = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            candidate = axes[:, order] * np.array(signs)
            if np.linalg.det(candidate) > 0:
                rotations.append(candidate)
    # |R - I|_F falls as the trace rises.
    return max(rotations, key=lambda rotation: float(np.trace(rotation)))


def _slice_positions(geometry: VolumeGeometry, normal: FloatArray, config: GridConfig) -> tuple[float, int, float]:
    """Position along `normal` of the lowest slice, number of slices, and spacing, in mm."""
    cosines = normal @ geometry.direction_matrix
    axis = int(np.argmax(np.abs(cosines)))
    count, acquired = geometry.size[axis], geometry.spacing[axis]
    middle = float(geometry.center @ normal)
    thinning = max(1, math.ceil(config.minimum_slice_spacing_mm / acquired - ROUNDING))
    if config.slice_spacing_mm is None and abs(cosines[axis]) >= ALIGNED_COSINE:
        slices = (count - 1) // thinning + 1
        unused = (count - 1) - thinning * (slices - 1)
        first = unused // 2
        lowest = middle + (first - (count - 1) / 2) * acquired
        return lowest, slices, acquired * thinning
    spacing = acquired * thinning if config.slice_spacing_mm is None else config.slice_spacing_mm
    extent = float(np.abs(cosines) @ (np.asarray(geometry.size) * np.asarray(geometry.spacing)))
    slices = max(1, math.ceil(extent / spacing - ROUNDING))
    return middle - (slices - 1) / 2 * spacing, slices, spacing


def _middle_of_mask(mask: sitk.Image, geometry: VolumeGeometry, axis: FloatArray) -> float:
    """Middle, along the LPS unit vector `axis`, of the extent of the mask's nonzero voxels, in mm."""
    inside: npt.NDArray[np.bool_] = sitk.GetArrayViewFromImage(mask) != 0
    rows = np.argwhere(inside.any(axis=2))
    if not len(rows):
        raise InputError("No head was found in the image; check that it shows a head and is not empty.")
    # A linear function over a row of voxels is extreme at the row's ends.
    lines = inside[rows[:, 0], rows[:, 1]]
    starts = lines.argmax(axis=1)
    ends = lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)
    positions = []
    for i in (starts, ends):
        index = np.stack([i, rows[:, 1], rows[:, 0]], axis=1)
        positions.append(geometry.to_physical(index) @ axis)
    every = np.concatenate(positions)
    return float((every.min() + every.max()) / 2)
