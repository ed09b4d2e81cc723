"""The median over 5x5 pixels, by comparisons of whole pictures.

The five pixels of every column are sorted once and shared by the five windows they belong to; then the values of
equal rank are sorted across the columns. Rank r in its column and c across, from 0, has at least (r+1)(c+1) - 1 values
below or equal in the window, and at least (5-r)(5-c) - 1 above or equal: the median, with 12 on either side, is the
median of the 13 values for which both stay within 12.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RADIUS = 2
_WIDTH = 2 * RADIUS + 1
_HALF = _WIDTH * _WIDTH // 2 + 1
_SORT_FIVE = ((0, 1), (3, 4), (2, 4), (2, 3), (0, 3), (0, 2), (1, 4), (1, 3), (1, 2))
"""Compare and exchange these, in this order: sorts any five values (Knuth, The Art of Computer Programming 5.3.4)."""

Picture = NDArray[np.float32]


def median_5x5(padded: Picture) -> Picture:
    """Medians [H, W] of a picture [H + 4, W + 4]; both float32, without NaN."""
    height, width = padded.shape[0] - 2 * RADIUS, padded.shape[1] - 2 * RADIUS
    columns = _sorted([padded[row : row + height] for row in range(_WIDTH)])
    candidates: list[Picture] = []
    for rank, values in enumerate(columns):
        across = _sorted([values[:, column : column + width] for column in range(_WIDTH)])
        candidates += [
            value
            for place, value in enumerate(across)
            if (rank + 1) * (place + 1) <= _HALF and (_WIDTH - rank) * (_WIDTH - place) <= _HALF
        ]
    return _median(candidates)


def _sorted(five: list[Picture]) -> list[Picture]:
    values = list(five)
    for a, b in _SORT_FIVE:
        values[a], values[b] = np.minimum(values[a], values[b]), np.maximum(values[a], values[b])
    return values


def _median(values: list[Picture]) -> Picture:
    """Of an odd number: what is smallest or largest among more than half of them cannot be the median."""
    kept, waiting = values[: len(values) // 2 + 2], values[len(values) // 2 + 2 :]
    while len(kept) > 1:
        kept = _without_extremes(kept)
        if waiting:
            kept.append(waiting.pop())
    return kept[0]


def _without_extremes(values: list[Picture]) -> list[Picture]:
    values = list(values)
    last = len(values) - 1
    for a in range(len(values) // 2):
        b = last - a
        values[a], values[b] = np.minimum(values[a], values[b]), np.maximum(values[a], values[b])
    for a in range(1, (len(values) + 1) // 2):
        values[0], values[a] = np.minimum(values[0], values[a]), np.maximum(values[0], values[a])
    for b in range(len(values) // 2, last):
        values[b], values[last] = np.minimum(values[b], values[last]), np.maximum(values[b], values[last])
    return values[1:-1]
