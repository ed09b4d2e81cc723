"""The area under the ROC curve of an image-level score."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray, IntArray


def area_under_roc(score: FloatArray, unhealthy: BoolArray) -> float:
    """Share of (unhealthy, healthy) pairs of slices in which the unhealthy one scores higher; ties count half.

    `score`, `unhealthy`: [N]. NaN where there is no pair.
    """
    return float(resampled_area_under_roc(score, unhealthy, np.ones((1, len(score))))[0])


def resampled_area_under_roc(
    score: FloatArray, unhealthy: BoolArray, weights: FloatArray, stratum: IntArray | None = None
) -> FloatArray:
    """The same for each of several resamplings, and among slices alike.

    Args:
        score, unhealthy: [N].
        weights: [B, N], how often each slice counts in each resampling.
        stratum: [N]; only pairs of the same stratum count, those of -1 not at all.

    Returns:
        [B]; NaN where there is no pair.
    """
    if stratum is None:
        stratum = np.zeros(len(score), dtype=np.int64)
    won = np.zeros(len(weights))
    pairs = np.zeros(len(weights))
    for value in np.unique(stratum[stratum >= 0]):
        here = np.flatnonzero(stratum == value)
        here = here[np.argsort(score[here], kind="stable")]
        start = np.flatnonzero(np.append(True, np.diff(score[here]) != 0))
        positive = np.add.reduceat(weights[:, here] * unhealthy[here], start, axis=1)
        negative = np.add.reduceat(weights[:, here] * ~unhealthy[here], start, axis=1)
        below = np.cumsum(negative, axis=1) - 0.5 * negative
        won += (positive * below).sum(axis=1)
        pairs += positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(won / pairs)
