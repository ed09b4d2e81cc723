"""Holes of a mask, filled slice by slice."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray

MOST_PIXELS = 1 << 17
"""That are filled by one call: small slices one by one take several times as long, large ones together more memory."""


def filled_in_plane(mask: BoolArray) -> BoolArray:
    """Each slice of a mask [S, H, W] without its holes."""
    filled = np.zeros(mask.shape, dtype=bool)
    rows, columns = mask.shape[1:]
    together = max(1, MOST_PIXELS // max(rows * columns, 1))
    for start in range(0, len(mask), together):
        some = mask[start : start + together].astype(np.uint8)
        # In one picture below each other, an empty row between them.
        picture = np.pad(some, ((0, 0), (0, 1), (0, 0))).reshape(-1, columns)
        without = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(picture)))
        filled[start : start + together] = without.reshape(-1, rows + 1, columns)[:, :rows]
    return filled
