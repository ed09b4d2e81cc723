"""Slices in which the head is cut off by a straight border, behind which the image holds nothing.

The first and last slices of a volume that was registered to another one often are: what lay outside of
it was filled with one value.
"""

from __future__ import annotations

import itertools

import numpy as np
import SimpleITK as sitk

from ..arrays import BoolArray, FloatArray
from .resampling import sample_stack
from .stack_grid import StackGrid

LARGEST_MISSING_SHARE = 0.2
"""Of the head in the next slice that is whole; a slice that lacks more is cut off."""
STRAIGHT = 0.98
"""How far a straight line must separate what is missing from what is seen, from 0 (not) to 1.

On 88 registered volumes cuts reached 0.987 and more; in the same volumes with all but the head, or all but the brain,
set to one value, slices that merely narrow reached 0.874 and 0.974.
"""
NOTHING_SEEN = 0.99
"""Share of a pixel's area from which on it shows nothing."""
ANGLES = 60


def unseen_pixels(image: sitk.Image, grid: StackGrid, coverage: FloatArray, *, slab_average: bool) -> BoolArray:
    """Pixels [S, H, W] that lie outside the image or hold its padding: the commonest value of its faces throughout.

    coverage: the fraction [S, H, W] of each pixel inside the image.
    """
    values = sitk.GetArrayViewFromImage(image)
    ends = itertools.product((0, 1, 2), (0, -1))
    found, counts = np.unique(
        np.concatenate([values.take(end, axis=axis).ravel() for axis, end in ends]), return_counts=True
    )
    padding = sitk.Equal(image, float(found[counts.argmax()]))
    nothing = sample_stack(padding, grid, slab_average=slab_average) + 1 - coverage
    return np.asarray(nothing >= NOTHING_SEEN)


def cut_off_slices(head: BoolArray, unseen: BoolArray) -> BoolArray:
    """Which slices [S] are cut off, going from the largest of the head's slices up and down. Both [S, H, W]."""
    areas = head.sum(axis=(1, 2))
    middle = int(areas.argmax())
    cut = np.zeros(len(head), dtype=bool)
    for outward in (range(middle + 1, len(head)), range(middle - 1, -1, -1)):
        whole = middle
        for index in outward:
            missing = head[whole] & unseen[index]
            too_much = missing.sum() > LARGEST_MISSING_SHARE * areas[whole]
            if too_much and _separation(missing, head[whole] & ~unseen[index]) >= STRAIGHT:
                cut[index] = True
            elif areas[index]:
                whole = index
    return cut


def _separation(missing: BoolArray, seen: BoolArray) -> float:
    """How well the best straight line parts two sets of pixels: the largest difference of their shares on one side."""
    if not seen.any():
        return 1.0
    pixels = np.concatenate([np.argwhere(missing), np.argwhere(seen)])
    weights = np.concatenate([np.full(missing.sum(), 1 / missing.sum()), np.full(seen.sum(), -1 / seen.sum())])
    best = 0.0
    for angle in np.arange(ANGLES) * np.pi / ANGLES:
        along = np.argsort(pixels @ (np.cos(angle), np.sin(angle)))
        best = max(best, float(np.abs(np.cumsum(weights[along])).max()))
    return best
