"""Where a grid lies in the patient, from the axes that a file states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.errors import InputError

FloatArray = npt.NDArray[np.float64]

COSINE_TOLERANCE = 1e-2
"""Direction cosines may differ by this much from those of the nearest perpendicular axes: rounded to two decimals they
do by half of it. Beyond it the axes are taken to be meant so."""
ROUNDED_COSINE = 1e-6
"""What differs by less keeps its own digits."""
LARGEST_ANGLE_DEGREES = 10.0
"""Two statements of the same axis further apart than this contradict each other."""
FARTHEST_MM = 1e6
"""No image begins further from the scanner's middle, and no voxel is larger. Beyond, numbers would overflow."""
LARGEST_COSINE = 1.0 + COSINE_TOLERANCE
VANISHING_COSINE = 1e-100
"""ITK fails to invert a matrix with subnormal entries, says so on standard error, and maps every point to nowhere."""
NOT_PERPENDICULAR = "{} has axes that are not perpendicular; resample it onto perpendicular axes first."
UNDEFINED_PLACE = "{} has an undefined position or orientation; export it again."
SIZE_NOT_STATED = "{} does not state the size of its voxels; export it again."
NO_VOXEL_SIZE = "{} has a voxel size that is zero, negative, enormous or undefined; export it again."


@dataclass(frozen=True)
class Placement:
    """Spacing [3] in mm, origin [3] in LPS mm and direction [3, 3], whose columns are perpendicular unit vectors."""

    spacing: FloatArray
    origin: FloatArray
    direction: FloatArray

    def image_of(self, values: npt.NDArray[np.float32]) -> sitk.Image:
        """An image of `values` [k, j, i] at this place."""
        image = sitk.GetImageFromArray(values)
        image.SetSpacing([float(s) for s in self.spacing])
        image.SetOrigin([float(o) for o in self.origin])
        image.SetDirection([float(d) for d in self.direction.ravel()])
        return image


def place(axes: FloatArray, origin: FloatArray, called: str) -> Placement:
    """The place of a grid with `axes` [3, 3], whose columns are one voxel's steps in LPS mm.

    Axes off perpendicular by rounding are made perpendicular. Raises InputError, in a sentence that begins with
    `called`, if they are further off, vanish, are not finite or beyond FARTHEST_MM.
    """
    if not (np.isfinite(axes).all() and is_within_reach(origin)):
        raise InputError(UNDEFINED_PLACE.format(called))
    if not is_within_reach(axes):
        raise InputError(NO_VOXEL_SIZE.format(called))
    spacing = np.linalg.norm(axes, axis=0)
    if not spacing.min() > 0:
        raise InputError(NO_VOXEL_SIZE.format(called))
    return Placement(spacing, origin, perpendicular(axes / spacing, called))


def without_vanishing(direction: FloatArray) -> FloatArray:
    """The same cosines, those that vanish as 0."""
    return np.where(np.abs(direction) > VANISHING_COSINE, direction, 0.0)


def is_within_reach(numbers: npt.ArrayLike) -> bool:
    """Whether all are finite and none is beyond FARTHEST_MM."""
    # No number compares with what is none.
    return bool((np.abs(numbers) <= FARTHEST_MM).all())


def perpendicular(direction: FloatArray, called: str) -> FloatArray:
    """The nearest perpendicular unit vectors to the columns of `direction` [3, 3] (Higham 1986), same handedness.

    Raises InputError if a cosine changes by more than COSINE_TOLERANCE.
    """
    if not np.abs(direction).max() <= LARGEST_COSINE:
        raise InputError(NOT_PERPENDICULAR.format(called))
    left, _, right = np.linalg.svd(direction)
    nearest: FloatArray = left @ right
    if np.abs(nearest - direction).max() > COSINE_TOLERANCE:
        raise InputError(NOT_PERPENDICULAR.format(called))
    return without_vanishing(nearest)


def sound_direction(direction: FloatArray, called: str) -> FloatArray:
    """The same as `perpendicular`, but what is perpendicular up to rounding keeps its own digits."""
    nearest = perpendicular(direction, called)
    return nearest if np.abs(nearest - direction).max() > ROUNDED_COSINE else without_vanishing(direction)


def angle_degrees(one: FloatArray, other: FloatArray) -> float:
    """Largest angle between the columns of two directions [3, 3]."""
    cosines = np.clip((one * other).sum(axis=0), -1.0, 1.0)
    return float(np.degrees(np.arccos(cosines.min())))
