"""Means of a map of the stack over the components of the score volume."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..core.arrays import FloatArray
from ..volumes.geometry import VolumeGeometry
from ..volumes.resampling import stack_to_volume
from ..volumes.stack_grid import StackGrid
from .components import labels_in_box


def means_in_components(
    stack: FloatArray, grid: StackGrid, score: FloatArray, geometry: VolumeGeometry
) -> list[float | None]:
    """The mean of `stack` [S, H, W] on `grid` over the voxels of each component of `score` [k, j, i], in their order.

    The map is brought to the volume by linear interpolation, as `stack_to_volume` does.
    """
    sums, counts = _sums_and_counts(stack, grid, score, geometry)
    return [float(mean) for mean in sums / counts]


def sums_in_components(stack: FloatArray, grid: StackGrid, score: FloatArray, geometry: VolumeGeometry) -> list[float]:
    """The same summed over the voxels."""
    return [float(total) for total in _sums_and_counts(stack, grid, score, geometry)[0]]


def _sums_and_counts(
    stack: FloatArray, grid: StackGrid, score: FloatArray, geometry: VolumeGeometry
) -> tuple[FloatArray, FloatArray]:
    labels, box = labels_in_box(score)
    first = [part.start for part in reversed(box)]
    x, y, z = geometry.to_physical(first).tolist()
    size_k, size_j, size_i = labels.shape
    part = dataclasses.replace(geometry, size=(size_i, size_j, size_k), origin=(x, y, z))
    values = stack_to_volume(stack, grid, part).ravel().astype(float)
    flat = labels.ravel()
    return np.bincount(flat, values)[1:].astype(float), np.bincount(flat)[1:].astype(float)
