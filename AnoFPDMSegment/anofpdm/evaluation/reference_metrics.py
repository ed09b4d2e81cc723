"""Figures as the public code of the paper defines them (method section 4.8), for comparison with published numbers.

They differ from `metrics`: Dice and IoU carry an epsilon; unhealthy figures are of all slices labelled unhealthy, their
masks not emptied by the decision; AUPRC pools the pixels whose mean over all input channels is above -0.95, batch by
batch, and averages the batches; precision and recall are swapped.
"""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from .method_output import MethodOutput
from .metrics import average_precision
from .slices import MeasuredSlices

EPSILON = 1e-6
FOREGROUND = -0.95
BATCH = 32


def reference_figures(output: MethodOutput, measured: MeasuredSlices, batch: int = BATCH) -> dict[str, float]:
    """The public code's figures of one method; those of what it does not give are left out.

    `batch`: consecutive slices whose pixels are pooled.
    """
    figures: dict[str, float] = {}
    unhealthy = measured.slices.unhealthy
    if output.unhealthy is not None:
        hits = float((output.unhealthy & unhealthy).sum())
        figures["cls_accuracy"] = float((output.unhealthy == unhealthy).mean())
        figures["cls_precision"] = hits / (float(unhealthy.sum()) + EPSILON)
        figures["cls_recall"] = hits / (float(output.unhealthy.sum()) + EPSILON)
    masks, gated = output.masks, output.gated_masks
    if masks is not None and gated is not None:
        figures["dice"], figures["iou"] = _overlap(gated, measured.lesion)
        figures["dice_unhealthy"], figures["iou_unhealthy"] = _overlap(masks[unhealthy], measured.lesion[unhealthy])
    if output.maps is not None:
        scores, counts = _batches(output.maps, measured, batch, np.ones(len(unhealthy), dtype=bool))
        figures["auprc"] = float(np.mean(scores)) if counts else float("nan")
        scores, counts = _batches(output.maps, measured, batch, unhealthy)
        figures["auprc_unhealthy"] = float(np.average(scores, weights=counts)) if counts else float("nan")
    return figures


def _overlap(masks: BoolArray, lesion: BoolArray) -> tuple[float, float]:
    """Mean Dice and IoU over slices, each with the epsilon."""
    hits = (masks & lesion).sum(axis=(1, 2))
    sizes = masks.sum(axis=(1, 2)) + lesion.sum(axis=(1, 2))
    dice = (2 * hits + EPSILON) / (sizes + EPSILON)
    iou = (hits + EPSILON) / (sizes - hits + EPSILON)
    return float(dice.mean()), float(iou.mean())


def _batches(
    maps: FloatArray, measured: MeasuredSlices, batch: int, counted: BoolArray
) -> tuple[list[float], list[int]]:
    """Average precision of each batch, and its number of slices that count; batches without any are left out."""
    scores, counts = [], []
    for first in range(0, len(maps), batch):
        here = np.arange(first, min(first + batch, len(maps)))
        here = here[counted[here]]
        if len(here) == 0:
            continue
        foreground = measured.slices.x0[here].mean(axis=1) > FOREGROUND
        score = average_precision(maps[here][foreground], measured.lesion[here][foreground])
        # A batch without any lesion has no precision at all: the library that the public code asks says 0.
        scores.append(0.0 if np.isnan(score) else score)
        counts.append(len(here))
    return scores, counts
