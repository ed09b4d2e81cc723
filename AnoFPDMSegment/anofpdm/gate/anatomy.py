"""Size, shape and place of what is taken for brain, its left-right symmetry, and how detailed it is."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from .seen_volume import SeenVolume

LARGE_SHARE = 0.7
"""Slices with at least this share of the largest slice's tissue show the middle of the brain."""
DETAIL_DEPTH_MM = 6.0
"""Texture is looked at this far inside the outline."""


def anatomy_measures(seen: SeenVolume) -> dict[str, float]:
    """Of the tissue's outline, in the slices that show most of it; empty where none is seen."""
    areas = seen.areas_mm2
    if len(seen.shown) == 0:
        return {}
    middle = np.flatnonzero(areas >= LARGE_SHARE * areas.max())
    sides = [_sides_mm(seen.tissue[index], seen.pixel_mm) for index in middle]
    widths, lengths, fills = (np.array(values) for values in zip(*sides, strict=True))
    head = seen.head[middle].sum(axis=(1, 2)) * seen.pixel_mm**2
    return {
        "area_cm2": float(np.median(areas[middle])) / 100,
        "width_mm": float(np.median(widths)),
        "length_mm": float(np.median(lengths)),
        "fill": float(np.median(fills)),
        "share_of_head": float(np.median(areas[middle] / np.maximum(head, 1))),
        "holes": 1 - float(seen.tissue[middle].sum()) / max(float((seen.depth_mm[middle] > 0).sum()), 1),
        "steadiness": _steadiness(areas[seen.shown]),
    }


def symmetry_measures(seen: SeenVolume) -> dict[str, float]:
    """How alike both halves are: of the outline, and of the values inside it."""
    areas = seen.areas_mm2
    if len(seen.shown) == 0:
        return {}
    middle = np.flatnonzero(areas >= LARGE_SHARE * areas.max())
    outlines, values = [], []
    for index in middle:
        outline, value = _mirrored(seen.depth_mm[index] > 0, seen.scaled[index])
        outlines.append(outline)
        values.append(value)
    return {"outline": float(np.median(outlines)), "values": float(np.median(values))}


def detail_measures(seen: SeenVolume) -> dict[str, float]:
    """How much changes over a pixel and over a few, inside the tissue, over its level."""
    inside = seen.depth_mm > DETAIL_DEPTH_MM
    if inside.sum() < 200:
        return {}
    values = seen.scaled
    smooth = _smoothed(values)
    fine = np.abs(values - smooth)[inside]
    across = np.abs(smooth[:, 2:, 1:-1] - smooth[:, :-2, 1:-1]) + np.abs(smooth[:, 1:-1, 2:] - smooth[:, 1:-1, :-2])
    coarse = across[inside[:, 1:-1, 1:-1]]
    return {
        "fine": float(np.log10(np.median(fine) + 1e-4)),
        "coarse": float(np.log10(np.median(coarse) + 1e-4)),
        "edges": float(np.log10(np.percentile(coarse, 90) + 1e-4)),
        "flat": float(np.mean(coarse < 0.02)),
    }


def _sides_mm(mask: BoolArray, pixel_mm: float) -> tuple[float, float, float]:
    """Width and length of a slice's tissue, and the share of their ellipse that it fills."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    length, width = ((ends[-1] - ends[0] + 1) * pixel_mm for ends in (rows, columns))
    ellipse = np.pi / 4 * width * length
    return float(width), float(length), float(mask.sum() * pixel_mm**2 / ellipse)


def _steadiness(areas: FloatArray) -> float:
    """By how much a slice's area typically differs from the mean of its neighbours', over the largest."""
    if len(areas) < 3:
        return 0.0
    return float(np.mean(np.abs(areas[1:-1] - (areas[:-2] + areas[2:]) / 2)) / areas.max())


def _mirrored(outline: BoolArray, values: FloatArray) -> tuple[float, float]:
    """Dice of an outline [H, W] with its mirror image about its own middle, and the correlation of smoothed values."""
    columns = np.flatnonzero(outline.any(axis=0))
    middle = columns[0] + columns[-1]
    index = middle - np.arange(outline.shape[1])
    known = (index >= 0) & (index < outline.shape[1])
    index = np.clip(index, 0, outline.shape[1] - 1)
    other = outline[:, index] & known
    both = outline & other
    dice = 2 * both.sum() / max(outline.sum() + other.sum(), 1)
    smooth = _smoothed(_smoothed(values[None]))[0]
    ours, theirs = smooth[both], smooth[:, index][both]
    if ours.size < 50 or not (ours.std() > 0 and theirs.std() > 0):
        return float(dice), 0.0
    return float(dice), float(np.corrcoef(ours, theirs)[0, 1])


def _smoothed(values: FloatArray) -> FloatArray:
    """[S, H, W], each slice averaged over 3 x 3 pixels."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return np.asarray((rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9, dtype=np.float32)
