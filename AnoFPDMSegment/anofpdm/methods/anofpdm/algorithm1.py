"""Algorithm 1 of the paper: from the largest divergence to a quantile and a threshold."""

from __future__ import annotations

import numpy as np

from ...core.arrays import FloatArray

QUANTILE_LOW, QUANTILE_HIGH = 0.90, 0.98
QUANTILE_LEVELS = 101


def anomaly_strength(largest_divergence: FloatArray, scaling: FloatArray) -> FloatArray:
    """s = clip(max_t M_t / M_max, 0, 1), rounded to 2 decimals.

    Args:
        largest_divergence: max_t M_t [N, C].
        scaling: the dataset-calibrated scaling M_max [C], positive.
    """
    ratio = np.asarray(largest_divergence, dtype=np.float32) / np.asarray(scaling, dtype=np.float32)
    return np.round(np.clip(ratio, 0.0, 1.0), 2)


def quantile_of(strength: FloatArray, *, truncate: bool = False) -> FloatArray:
    """q = 0.98 - 0.08 s, on 101 levels; a stronger anomaly gets a lower quantile, hence a larger area.

    With `truncate`, the level is cut off in float32 as in the public code (0.53 becomes level 52).
    """
    scaled = np.asarray(strength, dtype=np.float32) * np.float32(QUANTILE_LEVELS - 1)
    level = np.trunc(scaled) if truncate else np.rint(scaled)
    span = QUANTILE_HIGH - QUANTILE_LOW
    return np.asarray(QUANTILE_HIGH - span * level.astype(np.float64) / (QUANTILE_LEVELS - 1))


def quantile_thresholds(aam: FloatArray, quantiles: FloatArray) -> FloatArray:
    """quantile_q of each map over all pixels, [N, C] from maps [N, C, H, W] and q [N, C] (linear interpolation)."""
    flat = np.sort(aam.reshape(*aam.shape[:2], -1), axis=-1)
    position = quantiles * (flat.shape[-1] - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, flat.shape[-1] - 1)
    low = np.take_along_axis(flat, below[..., None], axis=-1)[..., 0].astype(np.float64)
    high = np.take_along_axis(flat, above[..., None], axis=-1)[..., 0].astype(np.float64)
    return np.asarray(low + (high - low) * (position - below))
