"""What neighbouring slices of one volume have to do with one another."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..arrays import BoolArray, FloatArray, IntArray
from .slices import LabelledSlices


def runs_of_slices(slices: LabelledSlices) -> list[IntArray]:
    """Positions of slices that follow one another without a gap in their volume, inferior to superior."""
    order = np.lexsort((slices.slice_index, slices.volume))
    volume, index = slices.volume[order], slices.slice_index[order]
    breaks = np.flatnonzero((np.diff(volume) != 0) | (np.diff(index) != 1)) + 1
    return list(np.split(order, breaks))


def median_3d(maps: FloatArray, slices: LabelledSlices) -> FloatArray:
    """3x3x3 median of the maps [N, H, W] over neighbouring slices; borders are repeated."""
    out = np.empty(maps.shape, dtype=np.float32)
    for run in runs_of_slices(slices):
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
    for run in runs_of_slices(slices):
        if len(run) < 2:
            continue
        stack = masks[run]
        wide = _dilated(stack)
        none = np.zeros_like(stack[:1])
        below, above = np.concatenate([none, stack[:-1]]), np.concatenate([stack[1:], none])
        near = np.concatenate([none, wide[:-1]]) | np.concatenate([wide[1:], none])
        out[run] = (stack & near) | (below & above)
    return out


def neighbour_mean(values: FloatArray, slices: LabelledSlices) -> FloatArray:
    """Each slice's value [N] averaged with its neighbours' (weights 1, 2, 1; the ends are repeated)."""
    out = np.asarray(values, dtype=np.float64).copy()
    for run in runs_of_slices(slices):
        padded = np.pad(out[run], 1, mode="edge")
        out[run] = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return out


def _dilated(stack: BoolArray) -> BoolArray:
    image = sitk.BinaryDilate(sitk.GetImageFromArray(stack.astype(np.uint8)), (1, 1, 0), sitk.sitkBox)
    return np.asarray(sitk.GetArrayFromImage(image) > 0)
