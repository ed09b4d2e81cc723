"""How two witnesses of one slice become one probability. Torch-free."""

from __future__ import annotations

import numpy as np

from ...core.arrays import FloatArray

SUREST = 1e-6
"""Probabilities nearer to 0 or 1 than this count as this near: a witness can outweigh any of them."""


def joined_probability(probability: FloatArray, witnessed: FloatArray, weight: float) -> FloatArray:
    """log odds of the result = log odds of `probability` + `weight` times `witnessed`, which lies in 0 to 1.

    The witness only adds: where it is blind, the finder's answer stands. At weight 0 it is the finder's everywhere; a
    witness is not enough by itself where the finder is sure that nothing is there. Arrays of one shape, float32.
    """
    if weight == 0:
        return probability
    near = np.clip(probability, np.float32(SUREST), np.float32(1 - SUREST))
    odds = near / (1 - near) * np.exp(np.float32(weight) * witnessed)
    joined = odds / (1 + odds)
    # Where the finder sees no brain nothing is.
    return np.asarray(np.where((probability > 0) & (witnessed > 0), joined, probability), dtype=np.float32)


def agreement(probability: FloatArray, witnessed: FloatArray, possible: float) -> float | None:
    """The share, 0 to 1, of what the witness marks where the finder's probability is at least `possible`; None where it
    marks nothing."""
    total = float(witnessed.sum(dtype=np.float64))
    if total == 0:
        return None
    return float(witnessed[probability >= possible].sum(dtype=np.float64)) / total


def resized(maps: FloatArray, height: int, width: int) -> FloatArray:
    """Maps [N, h, w] of the same field of view at [N, height, width], linear between the pixels' centres, float32."""
    rows, down = _weights(maps.shape[1], height)
    columns, across = _weights(maps.shape[2], width)
    down, across = down[:, None], across[None, :]
    # Along the rows first: they are few.
    tall = maps[:, rows] * (1 - down) + maps[:, np.minimum(rows + 1, maps.shape[1] - 1)] * down
    wide = tall[:, :, columns] * (1 - across) + tall[:, :, np.minimum(columns + 1, maps.shape[2] - 1)] * across
    return np.asarray(wide, dtype=np.float32)


def _weights(size: int, wanted: int) -> tuple[np.ndarray, FloatArray]:
    """Of each wanted pixel the pixel before it, and the share of the one behind."""
    place = np.clip((np.arange(wanted) + 0.5) * (size / wanted) - 0.5, 0, size - 1)
    before = np.floor(place).astype(np.intp)
    return before, (place - before).astype(np.float32)
