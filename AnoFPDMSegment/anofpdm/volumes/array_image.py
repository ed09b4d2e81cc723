"""NumPy arrays as images: voxels alone do not say where they lie in the patient, so that must be told beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.errors import InputError

_HOW = (
    "give detect(array, spacing=(x, y, z), direction=..., origin=...) with array [slice, row, column], as "
    "SimpleITK.GetArrayFromImage returns it, and the others as SimpleITK's GetSpacing, GetDirection and GetOrigin do"
)


@dataclass(frozen=True)
class ArrayGeometry:
    """Where an array [k, j, i] lies: SimpleITK's order (i, j, k) and physical space (LPS, mm).

    `spacing`: 3 numbers, mm. `direction`: 9 numbers row by row, or 3 x 3; column a is the unit vector of index axis a.
    `origin`: the center of voxel [0, 0, 0].
    """

    spacing: Sequence[float] | npt.NDArray[Any] | None = None
    direction: Sequence[float] | npt.NDArray[Any] | None = None
    origin: Sequence[float] | npt.NDArray[Any] | None = None

    @property
    def is_given(self) -> bool:
        """Whether any of it is."""
        return any(each is not None for each in (self.spacing, self.direction, self.origin))


def image_of_array(array: npt.NDArray[Any], geometry: ArrayGeometry, name: str) -> sitk.Image:
    """The image of an array [k, j, i] of real numbers. `name` is for messages.

    Without an origin it lies at (0, 0, 0): only where results lie beside other images depends on it. Raises InputError.
    """
    if geometry.spacing is None or geometry.direction is None:
        raise InputError(f"The {name} image is an array that does not say where its voxels lie; {_HOW}.")
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(f"The {name} array has a mask; fill what it hides first, such as with array.filled(0).")
    if array.ndim != 3:
        raise InputError(f"The {name} array has {array.ndim} axes instead of 3; {_HOW}.")
    if array.dtype.kind not in "iuf":
        raise InputError(f"The {name} array holds {array.dtype} instead of real numbers; convert it first.")
    if 0 in array.shape:
        raise InputError(f"The {name} array is empty (its shape is {array.shape}); give one with voxels.")
    image = sitk.GetImageFromArray(np.ascontiguousarray(array, dtype=_readable(array.dtype)))
    image.SetSpacing(_numbers(geometry.spacing, 3, "spacing", name))
    image.SetOrigin((0.0, 0.0, 0.0) if geometry.origin is None else _numbers(geometry.origin, 3, "origin", name))
    try:
        image.SetDirection(_numbers(geometry.direction, 9, "direction", name))
    except RuntimeError as error:
        raise InputError(f"The direction of the {name} array has no inverse; {_HOW}.") from error
    return image


def _readable(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Of this machine's byte order, and a kind of float that images have."""
    if dtype.kind == "f":
        return np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)
    return dtype.newbyteorder("=")


def _numbers(values: Any, count: int, what: str, name: str) -> tuple[float, ...]:
    try:
        found = np.asarray(values, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        found = np.zeros(0)
    if len(found) != count or not np.isfinite(found).all() or (what == "spacing" and not (found > 0).all()):
        kind = "positive numbers" if what == "spacing" else "numbers"
        raise InputError(f"The {what} of the {name} array must be {count} {kind}; {_HOW}.")
    return tuple(found.tolist())
