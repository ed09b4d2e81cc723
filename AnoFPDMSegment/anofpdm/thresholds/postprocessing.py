"""Post-processing of maps and masks (method section 2.7)."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray, IntArray
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
    filled = np.flatnonzero(masks.any(axis=(1, 2)))
    if largest_px <= 0 or not len(filled):
        return small
    # An empty slice after each keeps them apart, so that one call labels all.
    spaced = np.zeros((2 * len(filled), *masks.shape[1:]), dtype=np.uint8)
    spaced[::2] = masks[filled]
    labelled = sitk.ConnectedComponent(sitk.GetImageFromArray(spaced), True)
    labels = sitk.GetArrayViewFromImage(labelled)[::2]
    # Filling holes only adds area, so larger components need no closer look.
    of_size = np.bincount(labels.ravel()) <= largest_px
    of_size[0] = False
    pixels = np.argwhere(of_size[labels])
    of_pixel = labels[tuple(pixels.T)]
    order = np.argsort(of_pixel, kind="stable")
    for component in np.split(pixels[order], np.flatnonzero(np.diff(of_pixel[order])) + 1):
        if len(component) and _fills_at_most(component[:, 1:], largest_px):
            small[filled[component[0, 0]], component[:, 1], component[:, 2]] = True
    return small


def _fills_at_most(component: IntArray, largest_px: int) -> bool:
    """Whether a connected component, its pixels [P, 2] given, has at most this area, holes filled."""
    corner = component.min(axis=0)
    box = np.zeros(component.max(axis=0) - corner + 1, dtype=bool)
    box[tuple((component - corner).T)] = True
    # A hole lies between pixels of its row and of its column: mostly there is room for none.
    if min(_spanned(box), _spanned(box.T)) <= largest_px:
        return True
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(np.pad(box, 1).astype(np.uint8)), True)
    return int(sitk.GetArrayViewFromImage(filled).sum()) <= largest_px


def _spanned(box: BoolArray) -> int:
    """Pixels from the first to the last of each row, rows none of which is empty."""
    return int((box.shape[1] - box.argmax(axis=1) - box[:, ::-1].argmax(axis=1)).sum())
