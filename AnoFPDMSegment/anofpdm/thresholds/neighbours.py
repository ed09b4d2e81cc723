"""What neighbouring pixels and slices of a volume have to do with one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.arrays import FloatArray, IntArray

Runs = Sequence[IntArray]
"""Positions of slices that follow one another without a gap, inferior to superior."""


def runs_of_slices(volume: IntArray, slice_index: IntArray) -> list[IntArray]:
    """The runs among N slices, given each one's volume and its number in the volume's stack, both [N]."""
    order = np.lexsort((slice_index, volume))
    breaks = np.flatnonzero((np.diff(volume[order]) != 0) | (np.diff(slice_index[order]) != 1)) + 1
    return list(np.split(order, breaks)) if len(order) else []


def neighbour_mean(values: FloatArray, runs: Runs) -> FloatArray:
    """Each slice's values [N, ...] averaged with its neighbours' (weights 1, 2, 1; the ends are repeated).

    A slice in no run keeps its values.
    """
    out = values.copy()
    for run in runs:
        out[run] = _with_neighbours(values[run], 0)
    return out


def neighbour_map(maps: FloatArray, runs: Runs) -> FloatArray:
    """Maps of squared differences [N, H, W] averaged over neighbouring pixels and slices, as differences.

    Weights 1, 2, 1 along each of the three axes; the borders are repeated. What one pixel or one slice alone shows,
    however large, then counts for less.
    """
    differences = np.sqrt(maps)
    for axis in (1, 2):
        differences = _with_neighbours(differences, axis)
    return np.square(neighbour_mean(differences, runs))


def _with_neighbours(values: FloatArray, axis: int) -> FloatArray:
    """Weights 1, 2, 1 along one axis."""
    ahead = np.moveaxis(values, axis, 0)
    before, after = np.concatenate([ahead[:1], ahead[:-1]]), np.concatenate([ahead[1:], ahead[-1:]])
    return np.moveaxis((before + after) / 4 + ahead / 2, 0, axis)
