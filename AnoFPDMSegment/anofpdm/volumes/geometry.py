"""Where the voxels of a volume lie in the patient (LPS millimetres, as in SimpleITK)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.errors import EvidenceError
from .placement import LARGEST_COSINE, is_within_reach, without_vanishing
from .value_stream import LARGEST_IMAGE_VOXELS

SMALLEST_DETERMINANT = 0.5
"""Of the axes' unit vectors; 1 where they are perpendicular."""

GeometryType = TypeVar("GeometryType", bound="VolumeGeometry")
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class VolumeGeometry:
    """Size (i, j, k), spacing in mm, origin in LPS mm and direction of a volume.

    `direction` is the row-major 3 x 3 matrix whose columns are the LPS directions of i, j and k.
    Arrays on this geometry are indexed [k, j, i].
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, float, float, float, float, float, float, float, float]

    @classmethod
    def from_image(cls: type[GeometryType], image: sitk.Image) -> GeometryType:
        """The geometry of a 3-D image. Raises ValueError for another dimension."""
        if image.GetDimension() != 3:
            raise ValueError(f"a 3-D image is needed, not {image.GetDimension()}-D")
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @classmethod
    def from_dict(cls: type[GeometryType], values: Mapping[str, Any]) -> GeometryType:
        """Read back what `to_dict` wrote. Raises EvidenceError if it is damaged."""
        try:
            size = tuple(int(n) for n in values["size"])
            spacing = tuple(float(s) for s in values["spacing"])
            origin = tuple(float(o) for o in values["origin"])
            direction = tuple(without_vanishing(np.array([float(d) for d in values["direction"]])).tolist())
            numbers_are_sound = is_within_reach(spacing + origin) and min(size + spacing) > 0
            numbers_are_sound = numbers_are_sound and all(abs(cosine) <= LARGEST_COSINE for cosine in direction)
            numbers_are_sound = numbers_are_sound and math.prod(size) <= LARGEST_IMAGE_VOXELS
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EvidenceError("The stored geometry is damaged; run the detection again.") from error
        lengths = (len(size), len(spacing), len(origin), len(direction))
        if not numbers_are_sound or lengths != (3, 3, 3, 9) or abs(_determinant(direction)) < SMALLEST_DETERMINANT:
            raise EvidenceError("The stored geometry is damaged; run the detection again.")
        return cls(size, spacing, origin, direction)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, list[int] | list[float]]:
        """Plain lists, for JSON."""
        return {
            "size": list(self.size),
            "spacing": list(self.spacing),
            "origin": list(self.origin),
            "direction": list(self.direction),
        }

    def to_image_like(self, array: npt.NDArray[Any]) -> sitk.Image:
        """An image of `array` [k, j, i] on this geometry. Raises ValueError if the shape differs."""
        if array.shape != self.array_shape:
            raise ValueError(f"an array of shape {self.array_shape} is needed, not {array.shape}")
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def to_physical(self, index: npt.ArrayLike) -> FloatArray:
        """LPS mm [..., 3] of the continuous voxel indices (i, j, k) [..., 3]."""
        scaled = np.asarray(index, dtype=np.float64) * np.asarray(self.spacing)
        points: FloatArray = scaled @ self.direction_matrix.T + np.asarray(self.origin)
        return points

    def to_index(self, points: npt.ArrayLike) -> FloatArray:
        """Continuous voxel indices (i, j, k) [..., 3] of the points [..., 3] in LPS mm."""
        offset = np.asarray(points, dtype=np.float64) - np.asarray(self.origin)
        index: FloatArray = offset @ np.linalg.inv(self.direction_matrix).T / np.asarray(self.spacing)
        return index

    @property
    def array_shape(self) -> tuple[int, int, int]:
        """Shape [k, j, i] of arrays on this geometry."""
        return (self.size[2], self.size[1], self.size[0])

    @property
    def direction_matrix(self) -> FloatArray:
        """3 x 3; column a is the LPS direction of index axis a."""
        return np.asarray(self.direction, dtype=np.float64).reshape(3, 3)

    @property
    def center(self) -> FloatArray:
        """LPS mm of the middle of the volume."""
        return self.to_physical((np.asarray(self.size) - 1) / 2)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in cubic millimetres."""
        return float(np.prod(self.spacing) * abs(np.linalg.det(self.direction_matrix)))


def _determinant(direction: tuple[float, ...]) -> float:
    return float(np.linalg.det(np.asarray(direction).reshape(3, 3)))
