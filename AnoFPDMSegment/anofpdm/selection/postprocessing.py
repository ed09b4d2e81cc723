"""Post-processing of maps and masks (method section 2.7)."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..arrays import BoolArray, FloatArray

MEDIAN_RADIUS = 2


def median_filter(maps: FloatArray, radius: int = MEDIAN_RADIUS) -> FloatArray:
    """Median over (2 radius + 1)^2 pixels, 5x5 by default, of each map [N, H, W]; reflected borders, float32."""
    r = radius
    padded = np.pad(np.asarray(maps, dtype=np.float32), ((0, 0), (r, r), (r, r)), mode="reflect")
    filtered = sitk.Median(sitk.GetImageFromArray(padded), (r, r, 0))
    return sitk.GetArrayViewFromImage(filtered)[:, r:-r, r:-r].copy()


def filtered_map(maps: FloatArray) -> FloatArray:
    """Channel mean of maps [N, C, H, W], median-filtered, [N, H, W].

    The public code's empty mean at t_e = 0 is NaN; no pixel of such a slice passes a threshold.
    """
    return median_filter(np.where(np.isnan(maps), np.float32(0), maps).mean(axis=1))


def small_components(masks: BoolArray, largest_px: int) -> BoolArray:
    """The 8-connected components of each mask [N, H, W] whose filled area is at most `largest_px` pixels."""
    small = np.zeros(masks.shape, dtype=bool)
    if largest_px <= 0:
        return small
    statistics = sitk.LabelShapeStatisticsImageFilter()
    for mask, out in zip(masks, small, strict=True):
        if not mask.any():
            continue
        image = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
        labels = sitk.GetArrayViewFromImage(image)
        statistics.Execute(image)
        for label in statistics.GetLabels():
            # Filling holes only adds area, so larger components need no closer look.
            if statistics.GetNumberOfPixels(label) <= largest_px:
                component = labels == label
                if _filled_area(component) <= largest_px:
                    out |= component
    return small


def _filled_area(component: BoolArray) -> int:
    rows, columns = np.nonzero(component)
    box = component[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(np.pad(box, 1).astype(np.uint8)), True)
    return int(sitk.GetArrayViewFromImage(filled).sum())
