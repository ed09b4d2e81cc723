"""Scores of the model's slices brought to the grid of the input without losing a finding.

A pixel is flagged where its score is at least 1 and it is accepted.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk

from ..arrays import BoolArray, FloatArray, IntArray
from .geometry import VolumeGeometry
from .resampling import stack_to_volume
from .stack_grid import ROUNDING, StackGrid

BORDER = np.float32(1)
BELOW_BORDER = np.float32(0.999)
"""What scores are capped to that make no finding."""
ACCEPTED_SHARE = 0.499
"""Voxels at exactly the middle between accepted and other pixels belong to the finding, on either side alike."""
MOST_PLACES = 8
"""Places evaluated along one axis of a voxel; more would only cost time in voxels of several centimeters."""
CHUNK_VOXELS = 8 * 2**20
"""Voxels evaluated at a time."""


def score_to_volume(score: FloatArray, accepted: BoolArray, grid: StackGrid, geometry: VolumeGeometry) -> FloatArray:
    """Scores [S, H, W] and where they are accepted, as one score volume [k, j, i] float32; 0 where not accepted.

    The score is interpolated linearly in physical space, and so is `accepted`, which must reach one
    half; a flagged slice between others thus keeps its slab. Scores that are not accepted hold
    their neighbors' interpolation up, at most to just below 1: they never make a finding of their own.
    In voxels larger than the stack's pixels or slices the largest value of several places counts. A 2-D
    component of flagged pixels that still reaches no voxel marks those that hold its pixels' centers.
    """
    # Where a flagged pixel has a neighbor that is not accepted, the border may lie anywhere between.
    supporting = np.where(accepted, score, np.minimum(score, BELOW_BORDER))
    share = accepted.astype(np.float32)
    volume = np.zeros(geometry.array_shape, dtype=np.float32)
    places = _places_in_voxel(grid, geometry)
    layers = max(1, CHUNK_VOXELS // (geometry.size[0] * geometry.size[1]))
    for first in range(0, geometry.size[2], layers):
        part = volume[first : first + layers]
        for place in places:
            target = _moved(geometry, (place[0], place[1], place[2] + first), len(part))
            values = stack_to_volume(supporting, grid, target)
            values[stack_to_volume(share, grid, target) < ACCEPTED_SHARE] = 0
            np.maximum(part, values, out=part)
    for pixels, voxels in _findings(score, accepted, grid, geometry):
        if not (volume[voxels] >= BORDER).any():
            np.maximum.at(volume, voxels, score[pixels])
    return volume


def score_in_volume(
    score: FloatArray, accepted: BoolArray, volume: FloatArray, grid: StackGrid, geometry: VolumeGeometry
) -> FloatArray:
    """Scores [S, H, W] as the score volume shows them, after findings were dropped from it.

    0 where not accepted. 2-D components of flagged pixels that lie in no voxel with a score of at
    least 1 are capped just below 1.
    """
    shown = np.where(accepted, score, 0).astype(np.float32)
    kept = np.zeros(shown.shape, dtype=bool)
    for pixels, voxels in _findings(score, accepted, grid, geometry):
        if (volume[voxels] >= BORDER).any():
            kept[pixels] = True
    return np.where((shown >= BORDER) & ~kept, BELOW_BORDER, shown)


def _places_in_voxel(grid: StackGrid, geometry: VolumeGeometry) -> list[tuple[float, float, float]]:
    """Offsets (i, j, k) in voxels, up to MOST_PLACES no further apart than the stack's pixels and slices."""
    axes = geometry.direction_matrix * np.asarray(geometry.spacing)
    # Length of one voxel along each axis, in pixels and slices of the stack.
    lengths = np.linalg.norm(grid.direction_matrix.T @ axes / np.asarray(grid.spacing)[:, None], axis=0)
    counts = [min(max(1, math.ceil(length - ROUNDING)), MOST_PLACES) for length in lengths.tolist()]
    i, j, k = ([(n + 0.5) / count - 0.5 for n in range(count)] for count in counts)
    return list(itertools.product(i, j, k))


def _moved(geometry: VolumeGeometry, index: tuple[float, float, float], layers: int) -> VolumeGeometry:
    """`layers` layers of the grid, from (0, 0, 0) at `index` on."""
    x, y, z = geometry.to_physical(index).tolist()
    return dataclasses.replace(geometry, size=(*geometry.size[:2], layers), origin=(x, y, z))


def _findings(
    score: FloatArray, accepted: BoolArray, grid: StackGrid, geometry: VolumeGeometry
) -> Iterator[tuple[tuple[IntArray, ...], tuple[IntArray, ...]]]:
    """Each 8-connected 2-D component of flagged pixels that lie in the volume.

    Yields the pixels' indices (k, j, i) and those of the voxels that hold their centers.
    """
    flagged = (score >= BORDER) & accepted
    for index in np.flatnonzero(flagged.any(axis=(1, 2))).tolist():
        image = sitk.ConnectedComponent(sitk.GetImageFromArray(flagged[index].astype(np.uint8)), True)
        labels = sitk.GetArrayFromImage(image)
        j, i = np.nonzero(labels)
        pixels = np.stack([np.full(len(j), index), j, i])
        voxels = np.rint(geometry.to_index(grid.to_physical(pixels[::-1].T))).astype(np.int64).T[::-1]
        inside = np.all((voxels >= 0) & (voxels < np.array(geometry.array_shape)[:, None]), axis=0)
        pixels, voxels = pixels[:, inside], voxels[:, inside]
        names = labels[tuple(pixels[1:])]
        order = np.argsort(names, kind="stable")
        for chosen in np.split(order, np.flatnonzero(np.diff(names[order])) + 1):
            yield tuple(pixels[:, chosen]), tuple(voxels[:, chosen])
