"""Which way up a head lies: what differs between its lower and its upper part, and between front and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from .seen_volume import SeenVolume

LEVELS = (0.08, 0.2, 0.35, 0.65, 0.8, 0.92)
"""Between the lowest and the highest slice with tissue; in pairs about the middle."""
LEAST_EXTENT_MM = 75.0
"""Of tissue, and LEAST_SLICES of it: below, which end is up cannot be told."""
LEAST_SLICES = 7
NECK_MM = 8.0
"""Neck that a method takes for brain hangs together with it by less than about twice this."""


def upright_measures(seen: SeenVolume) -> dict[str, float]:
    """Lower minus upper part, each of which turns its sign where the volume is upside down; empty in thin slabs."""
    seen = replace(seen, tissue=largest_piece(seen))
    if seen.extent_mm < LEAST_EXTENT_MM or len(seen.shown) < LEAST_SLICES:
        return {}
    profile = _profile(seen)
    measures = {}
    for name, values in profile.items():
        low, high = values[: len(LEVELS) // 2], values[len(LEVELS) // 2 :][::-1]
        for place, difference in zip(("end", "outer", "inner"), low - high, strict=True):
            measures[f"{name}_{place}"] = float(difference)
    measures["above"] = _head_beyond(seen, below=True) - _head_beyond(seen, below=False)
    return measures


def largest_piece(seen: SeenVolume) -> BoolArray:
    """[S, H, W]: of the tissue, the largest part that hangs together, without what only touches it.

    All of it where nothing is thick enough to say.
    """
    image = sitk.GetImageFromArray(seen.tissue.astype(np.uint8))
    in_plane = max(1, round(NECK_MM / seen.pixel_mm))
    radius = (in_plane, in_plane, max(1, round(NECK_MM / 2 / seen.slice_mm)))
    # A volume that cuts through the brain ends in it: there nothing is worn away.
    core = sitk.BinaryErode(image, radius, sitk.sitkBall, 0, 1, True)
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(core))
    largest = sitk.BinaryDilate(sitk.Equal(pieces, 1), radius, sitk.sitkBall)
    kept = np.asarray(sitk.GetArrayFromImage(largest) > 0) & seen.tissue
    return kept if kept.any() else seen.tissue


def _profile(seen: SeenVolume) -> dict[str, FloatArray]:
    """Of the slices at LEVELS: sizes over those of the largest slice, places over its length."""
    shown = seen.shown
    at = np.linspace(0, 1, len(shown))
    largest = float(seen.areas_mm2.max())
    tissue, filled = seen.tissue[shown], seen.depth_mm[shown] > 0
    rows = np.arange(tissue.shape[1])[None, :]
    counts = np.maximum(filled.sum(axis=(1, 2)), 1)
    widest = max(int(filled.any(axis=1).sum(axis=1).max()), 1)
    longest = max(int(filled.any(axis=2).sum(axis=1).max()), 1)
    head = seen.head[shown]
    head_rows = (head.sum(axis=2) * rows).sum(axis=1) / np.maximum(head.sum(axis=(1, 2)), 1)
    tissue_rows = (filled.sum(axis=2) * rows).sum(axis=1) / counts
    middle = float(np.median(tissue_rows))
    values = {
        "area": seen.areas_mm2[shown] / largest,
        "width": filled.any(axis=1).sum(axis=1) / widest,
        "length": filled.any(axis=2).sum(axis=1) / longest,
        "share_of_head": counts / np.maximum(head.sum(axis=(1, 2)), 1),
        "row": (tissue_rows - middle) / longest,
        "row_in_head": (tissue_rows - head_rows) / longest,
        "fluid": np.array([_dark(each, mask) for each, mask in zip(seen.scaled[shown], filled, strict=True)]),
        "level": np.array([_median(each, mask) for each, mask in zip(seen.scaled[shown], tissue, strict=True)]),
    }
    return {name: np.interp(LEVELS, at, each) for name, each in values.items()}


def _dark(values: FloatArray, mask: BoolArray) -> float:
    return float(np.mean(values[mask] < 0.6)) if mask.any() else 0.0


def _median(values: FloatArray, mask: BoolArray) -> float:
    return min(float(np.median(values[mask])), 3.0) if mask.any() else 1.0


def _head_beyond(seen: SeenVolume, *, below: bool) -> float:
    """How much head lies beyond the tissue at one end: mm, up to 60, weighed by the head's area there."""
    areas = seen.head.sum(axis=(1, 2)) * seen.pixel_mm**2
    beyond = areas[: seen.shown[0]] if below else areas[seen.shown[-1] + 1 :]
    return min(float(beyond.sum()) * seen.slice_mm / max(float(areas.max()), 1.0), 60.0) / 60


def front_measures(seen: SeenVolume) -> dict[str, float]:
    """Front minus back, each of which turns its sign where front and back are exchanged."""
    areas = seen.areas_mm2
    middle = np.flatnonzero(areas >= 0.8 * areas.max()) if len(seen.shown) else np.zeros(0, dtype=int)
    if len(middle) == 0:
        return {}
    found = []
    for index in middle:
        mask, head = seen.depth_mm[index] > 0, seen.head[index]
        ends = np.flatnonzero(mask.any(axis=1))
        widths = mask.sum(axis=1)[ends[0] : ends[-1] + 1] / max(mask.any(axis=0).sum(), 1)
        at = np.interp((0.1, 0.2, 0.3, 0.7, 0.8, 0.9), np.linspace(0, 1, len(widths)), widths)
        head_ends = np.flatnonzero(head.any(axis=1))
        room = (ends[0] - head_ends[0]) - (head_ends[-1] - ends[-1]) if len(head_ends) else 0
        found.append([*(at[:3] - at[3:][::-1]), room * seen.pixel_mm / 20])
    return dict(zip(("width_10", "width_20", "width_30", "room"), np.median(found, axis=0).tolist(), strict=True))
