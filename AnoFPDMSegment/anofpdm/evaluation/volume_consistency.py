"""What neighbouring slices of one volume have to do with one another."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from .slices import LabelledSlices


def median_3d(maps: FloatArray, slices: LabelledSlices) -> FloatArray:
    """3x3x3 median of the maps [N, H, W] over neighbouring slices; borders are repeated."""
    out = np.empty(maps.shape, dtype=np.float32)
    for run in slices.runs:
        padded = np.pad(np.asarray(maps[run], dtype=np.float32), 1, mode="edge")
        filtered = sitk.Median(sitk.GetImageFromArray(padded), (1, 1, 1))
        out[run] = sitk.GetArrayViewFromImage(filtered)[1:-1, 1:-1, 1:-1]
    return out


def neighbours_agree(masks: BoolArray, slices: LabelledSlices) -> BoolArray:
    """Masks [N, H, W] by the vote of neighbouring slices.

    A pixel stays if a neighbouring slice has one within a pixel of it, and is added where both neighbours have it.
    A slice without neighbours keeps its mask.
    """
    out = masks.copy()
    for run in slices.runs:
        if len(run) < 2:
            continue
        stack = masks[run]
        wide = _dilated(stack)
        none = np.zeros_like(stack[:1])
        below, above = np.concatenate([none, stack[:-1]]), np.concatenate([stack[1:], none])
        near = np.concatenate([none, wide[:-1]]) | np.concatenate([wide[1:], none])
        out[run] = (stack & near) | (below & above)
    return out


def _dilated(stack: BoolArray) -> BoolArray:
    image = sitk.BinaryDilate(sitk.GetImageFromArray(stack.astype(np.uint8)), (1, 1, 0), sitk.sitkBox)
    return np.asarray(sitk.GetArrayFromImage(image) > 0)
