"""Which voxels a slice view shows: boxes around a plane through a volume."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...volumes.bounding_box import Box

_TILE = 24
"""Voxels along a side: an oblique plane is covered by boxes over tiles of this size."""
_ALIGNED = 1e-6


def boxes_around_plane(plane: NDArray[np.float64], shape: tuple[int, int, int]) -> list[Box]:
    """Boxes [k, j, i] with every voxel that linear interpolation on a plane looks at.

    plane: (a, b, c, d), the points with a i + b j + c k + d = 0. shape: of the volume, [k, j, i].
    """
    steepest = int(np.argmax(np.abs(plane[:3])))
    if plane[steepest] == 0:
        return []
    size = shape[::-1]
    across = [axis for axis in range(3) if axis != steepest]
    slopes = [-float(plane[axis] / plane[steepest]) for axis in across]
    height = -float(plane[3] / plane[steepest])
    aligned = all(abs(slope) * size[axis] < _ALIGNED for slope, axis in zip(slopes, across, strict=True))
    # Off the grid's axes the neighbors across lie at other heights.
    reach = 0.0 if aligned else sum(map(abs, slopes))
    boxes = []
    for tile in itertools.product(*(_tiles(size[axis], size[axis] if aligned else _TILE) for axis in across)):
        ends = [
            height + slopes[0] * first + slopes[1] * second
            for first, second in itertools.product(*((part.start, part.stop - 1) for part in tile))
        ]
        low = max(0, math.floor(min(ends) - reach + _ALIGNED))
        high = min(size[steepest], math.ceil(max(ends) + reach - _ALIGNED) + 1)
        if low < high:
            parts = dict(zip(across, tile, strict=True))
            parts[steepest] = slice(low, high)
            boxes.append((parts[2], parts[1], parts[0]))
    return boxes


def _tiles(size: int, tile: int) -> list[slice]:
    return [slice(start, min(start + tile, size)) for start in range(0, size, tile)]
