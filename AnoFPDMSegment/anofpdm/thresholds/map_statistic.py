"""One number for a slice's map: the mean of its largest values."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray

TOP_MM2 = 280.0
"""The area of the largest values that decide an image."""


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
