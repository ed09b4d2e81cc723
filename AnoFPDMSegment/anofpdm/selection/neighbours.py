"""What neighbouring slices of a volume have to do with one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import FloatArray, IntArray

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
        here = values[run]
        below, above = np.concatenate([here[:1], here[:-1]]), np.concatenate([here[1:], here[-1:]])
        out[run] = (below + above) / 4 + here / 2
    return out


def neighbour_map(maps: FloatArray, runs: Runs) -> FloatArray:
    """Maps of squared differences [N, H, W] averaged with the neighbours' as differences, then squared again.

    A difference in one slice alone, however large, then counts for less.
    """
    return np.square(neighbour_mean(np.sqrt(maps), runs))
