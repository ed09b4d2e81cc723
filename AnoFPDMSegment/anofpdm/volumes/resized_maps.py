"""Maps of one field of view at another number of pixels. Plain arrays."""

from __future__ import annotations

import numpy as np

from ..core.arrays import FloatArray


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
