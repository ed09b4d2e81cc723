"""Image-level decision: is this slice unhealthy?"""

from __future__ import annotations

import numpy as np

from ..arrays import BoolArray, FloatArray


def similarity(mse_healthy: FloatArray, mse_unguided: FloatArray) -> FloatArray:
    """cos(MSE^h, MSE^u) over all visited steps, channels averaged first (paper, section 3).

    Args:
        mse_healthy, mse_unguided: [N, S, C].

    Returns:
        [N]; low means that guidance toward healthy changes the error's course: unhealthy.
    """
    guided = np.asarray(mse_healthy, dtype=np.float64).mean(axis=2)
    unguided = np.asarray(mse_unguided, dtype=np.float64).mean(axis=2)
    norms = np.linalg.norm(guided, axis=1) * np.linalg.norm(unguided, axis=1)
    return np.asarray(np.sum(guided * unguided, axis=1) / np.maximum(norms, np.finfo(np.float64).tiny))


def map_statistic(filtered: FloatArray, interior: BoolArray, top_pixels: int) -> FloatArray:
    """Mean of the largest map values inside the eroded head.

    Args:
        filtered: median-filtered maps [N, H, W].
        interior: the eroded head [N, H, W].
        top_pixels: how many of the largest values are averaged (all, where the interior is smaller).

    Returns:
        [N]; 0 for a slice without interior.
    """
    values = np.where(interior, filtered, -np.inf).reshape(len(filtered), -1)
    k = min(top_pixels, values.shape[1])
    largest = np.partition(values, values.shape[1] - k, axis=1)[:, values.shape[1] - k :]
    inside = np.isfinite(largest)
    count = inside.sum(axis=1)
    return np.asarray(np.where(inside, largest, 0.0).sum(axis=1) / np.maximum(count, 1))
