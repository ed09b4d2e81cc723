"""The network's input: a slice, what its neighbours differ by, and how far away they are. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.arrays import FloatArray

SPACING_UNIT_MM = 8.0
NEAREST_MM = 3.0
"""Neighbours are looked for about this far away or further; thin slices next to each other tell little."""


def neighbour_step(spacing_mm: float) -> int:
    """How many slices away the neighbours are that are looked at."""
    return max(1, round(NEAREST_MM / spacing_mm)) if spacing_mm > 0 else 1


def stack_inputs(volume: FloatArray, spacing_mm: float, index: Sequence[int] | None = None) -> FloatArray:
    """[N, 4, H, W] float32 of the slices `index` (None: all) of a standardised volume [S, H, W].

    `spacing_mm`: 0 for slices that are no neighbours of each other.
    At the ends of the stack the missing neighbour differs by nothing, as if the slice went on.
    """
    slices = np.arange(len(volume)) if index is None else np.asarray(index)
    step = neighbour_step(spacing_mm)
    before = np.maximum(slices - step, 0)
    after = np.minimum(slices + step, len(volume) - 1)
    distance = np.full(len(slices), step * spacing_mm, np.float32)
    here, below, above = (volume[chosen].astype(np.float32) for chosen in (slices, before, after))
    return assemble(here, below, above, distance)


def assemble(slices: FloatArray, before: FloatArray, after: FloatArray, spacing_mm: FloatArray) -> FloatArray:
    """[N, 4, H, W] from slices and their neighbours [N, H, W] and spacings [N] in mm; a spacing of 0: no neighbours."""
    given = (spacing_mm > 0).astype(np.float32)[:, None, None]
    distance = np.broadcast_to((spacing_mm / SPACING_UNIT_MM)[:, None, None], slices.shape)
    channels = (slices, (before - slices) * given, (after - slices) * given, distance)
    return np.stack(channels, axis=1).astype(np.float32)
