"""The longest diameter of a set of voxels, exact and fast for millions of them.

The two voxels farthest apart are corners of the convex hull, in patient space as in index space,
since an affine map keeps hulls. A corner of the hull is also a corner of the flat hull of its own
index plane, along each of the three axes; these flat hulls, one after the other, leave a few
thousand candidates, which are then compared pair by pair.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CHUNK = 256


def longest_diameter_mm(ijk: NDArray[np.int64], axes_mm: NDArray[np.float64]) -> float:
    """Longest diameter of voxels, outer border to outer border, in millimeters.

    ijk: [n, 3] distinct integer indices, n >= 1. axes_mm: [3, 3], column a is the step along index
    axis a in patient space. The longest line between two voxel centers is lengthened, half a voxel
    at either end, by what a voxel measures along that line, so that a row of n voxels of 1 mm is n
    millimeters long; among lines of equal length the one with the longest result counts. A single
    voxel has its longest edge.
    """
    corners = _hull_candidates(np.asarray(ijk, dtype=np.int64))
    if len(corners) == 1:
        return float(np.linalg.norm(axes_mm, axis=0).max())
    points = corners @ axes_mm.T
    longest = 0.0
    steps: list[NDArray[np.int64]] = []
    for start in range(0, len(points), _CHUNK):
        square = np.zeros((min(_CHUNK, len(points) - start), len(points)))
        for axis in range(3):
            square += np.subtract.outer(points[start : start + _CHUNK, axis], points[:, axis]) ** 2
        largest = float(square.max())
        if largest > longest * (1 + 1e-9):
            longest, steps = largest, []
        if largest >= longest * (1 - 1e-9):
            first, second = np.nonzero(square >= longest * (1 - 1e-9))
            steps.append(np.abs(corners[start + first] - corners[second]))
    # In units of voxels the line takes `step` voxel widths along each axis; the axis with the most
    # of them bounds the voxel, so the voxel covers 1 / max(step) of the line.
    most = np.concatenate(steps).max(axis=1).min()
    return float(np.sqrt(longest) * (1 + 1 / most))


def _hull_candidates(ijk: NDArray[np.int64]) -> NDArray[np.int64]:
    """The points of `ijk` that are corners of the flat hull of their plane, along all three axes."""
    # The last axis usually has the fewest planes, and its pass leaves the others little to do.
    for axis in (2, 1, 0):
        ijk = _plane_corners(ijk, axis)
    return ijk


def _plane_corners(ijk: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
    across, along = (a for a in range(3) if a != axis)
    order = np.lexsort((ijk[:, along], ijk[:, across], ijk[:, axis]))
    ijk = ijk[order]
    # Only the two ends of a row of voxels can be corners.
    new_row = np.any(np.diff(ijk[:, [axis, across]], axis=0) != 0, axis=1)
    ijk = ijk[np.r_[True, new_row] | np.r_[new_row, True]]
    starts = np.flatnonzero(np.r_[True, np.diff(ijk[:, axis]) != 0])
    flat = ijk[:, [across, along]].tolist()
    kept: list[int] = []
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(flat)], strict=True):
        kept += _flat_hull(flat, start, end)
    return ijk[kept]


def _flat_hull(points: list[list[int]], start: int, end: int) -> set[int]:
    """Positions of the convex hull's corners among points[start:end], which are sorted."""
    corners: set[int] = set()
    for sequence in (range(start, end), range(end - 1, start - 1, -1)):
        chain: list[int] = []
        for new in sequence:
            x, y = points[new]
            while len(chain) >= 2:
                x0, y0 = points[chain[-2]]
                x1, y1 = points[chain[-1]]
                if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:
                    break
                chain.pop()
            chain.append(new)
        corners.update(chain)
    return corners
