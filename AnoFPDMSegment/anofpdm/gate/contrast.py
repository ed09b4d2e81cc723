"""What tissue looks like: how bright rim, depth, fluid and scalp are beside the brain's own level."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from .seen_volume import SeenVolume

RIM_MM = 7.0
"""Cortex and the sulci between it."""
DEEP_MM = 18.0
"""White matter, deep grey matter, ventricles."""
DARK, BRIGHT = 0.6, 1.5
MOST_RATIO = 8.0
MODE_BINS, MODE_KERNEL = 150, np.hanning(9)


def contrast_measures(seen: SeenVolume) -> dict[str, float]:
    """Of the brain's intensities, over its median; empty where no tissue is seen."""
    inside = seen.tissue & (seen.depth_mm > 0)
    if seen.level <= 0 or inside.sum() < 200:
        return {}
    values, depth = seen.scaled[inside], seen.depth_mm[inside]
    rim, deep = values[depth <= RIM_MM], values[depth >= DEEP_MM]
    if rim.size < 50 or deep.size < 50:
        return {}
    low, quarter, three, high, top = np.percentile(values, (3, 25, 75, 97, 99.5)).tolist()
    core = float(np.median(deep))
    body = _tissue_only(deep)
    measures = {
        "low": low,
        "quarter": quarter,
        "three_quarters": three,
        "high": min(high, MOST_RATIO),
        "top": min(top, MOST_RATIO),
        "deep": core,
        "deep_tissue": body,
        "rim": float(np.median(rim)),
        "rim_high": min(float(np.percentile(rim, 85)), MOST_RATIO),
        "rim_over_deep": min(float(np.percentile(rim, 85)) / body, MOST_RATIO),
        "rim_low": float(np.percentile(rim, 15)),
        "dark_deep": float(np.mean(deep < DARK * body)),
        "bright_deep": float(np.mean(deep > BRIGHT * body)),
        "dark_rim": float(np.mean(rim < DARK * body)),
        "bright_rim": float(np.mean(rim > BRIGHT * body)),
    }
    measures["skew"] = (three + quarter - 2) / max(three - quarter, 1e-3)
    between = values[(depth > RIM_MM) & (depth < DEEP_MM)]
    measures["between"] = float(np.median(between)) / body if between.size else 1.0
    # Where tissue of one kind meets the other: does brightness rise or fall toward the outside?
    solid = (values > DARK * body) & (values < BRIGHT * body)
    measures["slope"] = _correlation(depth[solid], values[solid])
    mode = _tissue_only(values)
    body_values = values[(values > DARK * mode) & (values < BRIGHT * mode)] / mode
    measures["mode"] = mode
    measures["above_mode"] = float(np.percentile(body_values, 90)) - 1
    measures["below_mode"] = 1 - float(np.percentile(body_values, 10))
    measures["balance"] = float(np.mean(body_values > 1.04) - np.mean(body_values < 0.96))
    shell = _outside(seen)
    if shell.size >= 50 and not seen.skull_stripped:
        measures["outside"] = min(float(np.percentile(shell, 50)), MOST_RATIO)
        measures["outside_high"] = min(float(np.percentile(shell, 90)), MOST_RATIO)
    return measures


def _tissue_only(values: FloatArray) -> float:
    """The commonest value: fluid and lesions are fewer than the tissue about them."""
    counts, edges = np.histogram(values, MODE_BINS, (0, 3))
    smooth = np.convolve(counts, MODE_KERNEL, mode="same")
    return float(edges[int(np.argmax(smooth))] + (edges[1] - edges[0]) / 2)


def _outside(seen: SeenVolume) -> FloatArray:
    """Of the head beside the brain, in slices that show both."""
    apart: BoolArray = seen.head & (seen.depth_mm == 0)
    apart[seen.areas_mm2 < 2000] = False
    return np.asarray(seen.scaled[apart])


def _correlation(a: FloatArray, b: FloatArray) -> float:
    if a.size < 50 or not (a.std() > 0 and b.std() > 0):
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
