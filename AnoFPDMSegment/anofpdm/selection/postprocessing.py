"""Post-processing of maps and masks (method section 2.7)."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..arrays import BoolArray, FloatArray
from ..volumes.bounding_box import Box, grown
from .median import RADIUS as MEDIAN_RADIUS
from .median import median_5x5


def median_filter(maps: FloatArray, radius: int = MEDIAN_RADIUS) -> FloatArray:
    """Median over (2 radius + 1)^2 pixels, 5x5 by default, of each map [N, H, W]; reflected borders, float32."""
    r = radius
    padded = np.pad(np.asarray(maps, dtype=np.float32), ((0, 0), (r, r), (r, r)), mode="reflect")
    if r == MEDIAN_RADIUS:
        return np.stack([median_5x5(picture) for picture in padded])
    filtered = sitk.Median(sitk.GetImageFromArray(padded), (r, r, 0))
    return sitk.GetArrayViewFromImage(filtered)[:, r:-r, r:-r].copy()


def filtered_map(maps: FloatArray, within: Box | None = None) -> FloatArray:
    """Channel mean of maps [N, C, H, W], median-filtered, [N, H, W]; 0 outside of the box `within`.

    The public code's empty mean at t_e = 0 is NaN; no pixel of such a slice passes a threshold.
    """
    shape = (len(maps), *maps.shape[2:])
    if within is None:
        within = (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))
    k, j, i = grown(within, MEDIAN_RADIUS, shape)
    part = maps[k, :, j, i]
    filtered = np.zeros(shape, dtype=np.float32)
    inner = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(within, (k, j, i), strict=True))
    filtered[within] = median_filter(np.where(np.isnan(part), np.float32(0), part).mean(axis=1))[inner]
    return filtered


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
                if _fills_at_most(component, largest_px):
                    out |= component
    return small


def _fills_at_most(component: BoolArray, largest_px: int) -> bool:
    """Whether a connected component has at most this area, holes filled."""
    rows, columns = np.nonzero(component)
    box = component[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    # A hole lies between pixels of its row and of its column: mostly there is room for none.
    if min(_spanned(box), _spanned(box.T)) <= largest_px:
        return True
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(np.pad(box, 1).astype(np.uint8)), True)
    return int(sitk.GetArrayViewFromImage(filled).sum()) <= largest_px


def _spanned(box: BoolArray) -> int:
    """Pixels from the first to the last of each row, rows none of which is empty."""
    return int((box.shape[1] - box.argmax(axis=1) - box[:, ::-1].argmax(axis=1)).sum())
