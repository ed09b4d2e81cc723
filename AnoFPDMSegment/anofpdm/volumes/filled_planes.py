"""Holes of a mask, filled slice by slice."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray


def filled_in_plane(mask: BoolArray) -> BoolArray:
    """Each slice of a mask [S, H, W] without its holes."""
    slices, rows, columns = mask.shape
    # All slices below each other in one picture, an empty row between them: a call for each takes ten times as long.
    picture = np.pad(mask, ((0, 0), (0, 1), (0, 0))).reshape(slices * (rows + 1), columns)
    filled = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(picture.astype(np.uint8)))) > 0
    return np.asarray(filled.reshape(slices, rows + 1, columns)[:, :rows])
