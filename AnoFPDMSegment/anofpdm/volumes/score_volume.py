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

from ..core.arrays import BoolArray, FloatArray, IntArray
from .bounding_box import Box, bounding_box
from .geometry import VolumeGeometry
from .resampling import stack_to_volume
from .stack_grid import ROUNDING, StackGrid

BORDER = np.float32(1)
BELOW_BORDER = np.float32(0.999)
"""What scores are capped to that make no finding."""
LARGEST_SCORE = 1e6
"""Where a threshold is nearly 0, more would be infinite on disk and spoil the interpolation."""
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
    volume = np.zeros(geometry.array_shape, dtype=np.float32)
    box = _voxels_near(accepted, grid, geometry)
    volume[box] = score_in_box(score, accepted, grid, geometry, box)
    for pixels, voxels in _findings(score, accepted, grid, geometry):
        if not (volume[voxels] >= BORDER).any():
            np.maximum.at(volume, voxels, score[pixels])
    return volume


def score_in_box(
    score: FloatArray, accepted: BoolArray, grid: StackGrid, geometry: VolumeGeometry, box: Box
) -> FloatArray:
    """The score volume in a box of its voxels alone, [k, j, i] float32; components that reach no voxel are left out."""
    # Where a flagged pixel has a neighbor that is not accepted, the border may lie anywhere between.
    supporting = np.where(accepted, score, np.minimum(score, BELOW_BORDER))
    share = accepted.astype(np.float32)
    first = [part.start for part in reversed(box)]
    size = [part.stop - part.start for part in reversed(box)]
    values = np.zeros(size[::-1], dtype=np.float32)
    places = _places_in_voxel(grid, geometry)
    layers = max(1, CHUNK_VOXELS // (size[0] * size[1]))
    for layer in range(0, size[2], layers):
        part = values[layer : layer + layers]
        for i, j, k in places:
            target = _part(geometry, (first[0] + i, first[1] + j, first[2] + k + layer), (size[0], size[1], len(part)))
            found = stack_to_volume(supporting, grid, target)
            found[stack_to_volume(share, grid, target) < ACCEPTED_SHARE] = 0
            np.maximum(part, found, out=part)
    return values


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


def _part(geometry: VolumeGeometry, index: tuple[float, float, float], size: tuple[int, int, int]) -> VolumeGeometry:
    """`size` voxels of the grid, from (0, 0, 0) at `index` on."""
    x, y, z = geometry.to_physical(index).tolist()
    return dataclasses.replace(geometry, size=size, origin=(x, y, z))


def _voxels_near(accepted: BoolArray, grid: StackGrid, geometry: VolumeGeometry) -> Box:
    """A box with every voxel that may hold a share of an accepted pixel; one voxel if none is accepted."""
    if not accepted.any():
        return slice(0, 1), slice(0, 1), slice(0, 1)
    box = bounding_box(accepted)
    # Half a pixel on is where the share of the outermost one ends; half a voxel on is where places are looked at.
    corners = np.array(list(itertools.product(*((part.start - 1, part.stop) for part in reversed(box)))))
    index = geometry.to_index(grid.to_physical(corners))
    low = np.clip(np.floor(index.min(axis=0) - 0.5), 0, np.array(geometry.size) - 1).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + 0.5), 0, np.array(geometry.size) - 1).astype(int) + 1
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return k, j, i


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
