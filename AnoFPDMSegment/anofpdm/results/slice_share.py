"""What of a mask lies in which slice of the stack."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..volumes.geometry import VolumeGeometry
from ..volumes.stack_grid import StackGrid

SLACK = 1e-3
"""Voxels are this fraction thinner, so that those that only touch a slice are not in it by rounding."""


def slice_areas_mm2(mask: NDArray[np.bool_], geometry: VolumeGeometry, grid: StackGrid) -> NDArray[np.float64]:
    """Area [S] of the mask [k, j, i] in every slice, averaged over the slice's thickness.

    Areas times the slice spacing add up to the volume of the mask, less what lies beyond the stack.
    """
    positions = _positions(np.argwhere(mask)[:, ::-1], geometry, grid)
    # Few positions differ by more than rounding; a thousandth of a slice does not show.
    centers, counts = np.unique(np.round(positions, 3), return_counts=True)
    half = _half_thickness(geometry, grid)
    edges = np.arange(grid.size[2] + 1) - 0.5
    below = [float(counts @ np.clip((edge - centers + half) / (2 * half), 0, 1)) for edge in edges]
    areas: NDArray[np.float64] = np.diff(below) * geometry.voxel_volume_mm3 / grid.slice_spacing_mm
    return areas


def slice_range(ijk: NDArray[np.int64], geometry: VolumeGeometry, grid: StackGrid) -> tuple[int, int]:
    """First and last slice whose thickness holds a part of the voxels `ijk` [n, 3]."""
    positions = _positions(ijk, geometry, grid)
    half = _half_thickness(geometry, grid)
    last = grid.size[2] - 1
    lowest = math.floor(float(positions.min()) - half + 0.5)
    highest = math.ceil(float(positions.max()) + half - 0.5)
    return min(max(lowest, 0), last), min(max(highest, 0), last)


def _positions(ijk: NDArray[np.int64], geometry: VolumeGeometry, grid: StackGrid) -> NDArray[np.float64]:
    """Where voxels `ijk` [n, 3] lie across the slices, in slices [n]: an affine map, worked out once for all."""
    start, *ends = grid.to_index(geometry.to_physical(np.vstack([np.zeros(3), np.eye(3)])))[:, 2]
    positions: NDArray[np.float64] = ijk @ (np.array(ends) - start) + start
    return positions


def _half_thickness(geometry: VolumeGeometry, grid: StackGrid) -> float:
    """Half of a voxel's extent across the slices, in slices."""
    edges = geometry.direction_matrix * np.asarray(geometry.spacing)
    extent = float(np.abs(grid.direction_matrix[:, 2] @ edges).sum()) / grid.slice_spacing_mm
    return extent / 2 * (1 - SLACK)
