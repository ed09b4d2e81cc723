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
