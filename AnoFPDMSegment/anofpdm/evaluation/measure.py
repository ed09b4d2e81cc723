"""From a method's output and the lesions to figures with intervals, and to columns of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..thresholds.auroc import resampled_area_under_roc
from . import metrics
from .best_threshold import best_dice_threshold
from .bootstrap import Statistic, SubjectBootstrap, mean_by_subject
from .method_output import MethodOutput
from .reference_metrics import reference_figures
from .slices import MeasuredSlices


@dataclass(frozen=True)
class Figure:
    """A figure and the middle 95 % of its resamplings."""

    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Measured:
    """All that is reported of one method."""

    output: MethodOutput
    figures: Mapping[str, Figure]
    slices: Mapping[str, FloatArray | BoolArray]
    """Columns of the slices' table, [N] each."""
    volumes: Mapping[str, Any]
    """Columns of the volumes' table."""
    with_masks: Mapping[str, float] = field(default_factory=dict)
    """What the best single threshold could reach; it was chosen with pixel masks."""
    curves: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]] = field(default_factory=dict)
    """Precision-recall curves: (thresholds, precision, recall)."""
    reference: Mapping[str, float] = field(default_factory=dict)
    """Figures as the public code defines them, where they were asked for."""


class Measuring:
    """Measures outputs on the same slices and the same resamplings of subjects."""

    def __init__(
        self,
        measured: MeasuredSlices,
        *,
        resamplings: int = 1000,
        seed: int = 0,
        reference_batch: int | None = None,
        minimum_size_px: int = 0,
    ) -> None:
        """`reference_batch`: add the public code's figures, pixels pooled over so many slices; `minimum_size_px`:
        components dropped in search of the best threshold."""
        self._measured = measured
        self._slices = measured.slices
        self._bootstrap = SubjectBootstrap(self._slices.subjects, resamplings, seed)
        self._reference_batch = reference_batch
        self._minimum_size_px = minimum_size_px
        self._one = np.ones((1, self._slices.subjects))

    def measure(self, output: MethodOutput) -> Measured:
        """Figures of one method."""
        statistics: dict[str, Statistic] = {}
        slices: dict[str, Any] = {}
        volumes: dict[str, Any] = {}
        exact: dict[str, float] = {}
        self._image_level(output, statistics, slices)
        self._masks(output, statistics, slices, volumes)
        with_masks, curves = self._maps(output, statistics, exact)
        figures = {}
        for name, statistic in statistics.items():
            value = exact.get(name)
            figures[name] = Figure(
                float(statistic(self._one)[0]) if value is None else value, self._bootstrap.interval(statistic)
            )
        reference = {}
        if self._reference_batch is not None:
            reference = reference_figures(output, self._measured, self._reference_batch)
        return Measured(output, figures, slices, volumes, with_masks, curves, reference)

    def _mean(self, values: FloatArray | BoolArray, counted: BoolArray | bool = True) -> Statistic:
        return mean_by_subject(
            np.asarray(values, dtype=np.float64), np.asarray(self._slices.subject), self._slices.subjects, counted
        )

    def _image_level(self, output: MethodOutput, statistics: dict[str, Statistic], slices: dict[str, Any]) -> None:
        unhealthy, subject = self._slices.unhealthy, self._slices.subject
        called = output.unhealthy
        if called is not None:
            statistics["image_accuracy"] = self._mean(called == unhealthy)
            statistics["image_precision"] = self._mean(unhealthy, called)
            statistics["image_recall"] = self._mean(called, unhealthy)
            statistics["image_specificity"] = self._mean(~called, ~unhealthy)
            slices["decided_unhealthy"] = called
        score = output.image_score
        if score is not None:
            stratum = metrics.level_stratum(self._slices.level)
            statistics["image_auroc"] = lambda w: resampled_area_under_roc(score, unhealthy, w[:, subject])
            statistics["image_auroc_same_level"] = lambda w: resampled_area_under_roc(
                score, unhealthy, w[:, subject], stratum
            )
            slices["image_score"] = score

    def _masks(
        self,
        output: MethodOutput,
        statistics: dict[str, Statistic],
        slices: dict[str, Any],
        volumes: dict[str, Any],
    ) -> None:
        masks, gated = output.masks, output.gated_masks
        if masks is None or gated is None:
            return
        lesion, outlined = self._measured.lesion, self._measured.outlined
        mixed_dice, dice = metrics.dice(gated, lesion), metrics.dice(masks, lesion)
        statistics["dice_mixed"] = self._mean(mixed_dice)
        statistics["dice_unhealthy"] = self._mean(dice, outlined)
        statistics["dice_small_lesions"] = self._mean(dice, self._measured.small)
        statistics["dice_unhealthy_gated"] = self._mean(mixed_dice, outlined)
        statistics["iou_mixed"] = self._mean(metrics.intersection_over_union(gated, lesion))
        statistics["iou_unhealthy"] = self._mean(metrics.intersection_over_union(masks, lesion), outlined)
        shown = np.asarray(masks.any(axis=(1, 2)))
        unhealthy = self._slices.unhealthy
        found, clear = self._mean(shown, unhealthy), self._mean(~shown, ~unhealthy)
        statistics["masks_balanced_accuracy"] = lambda w: (found(w) + clear(w)) / 2
        statistics["pixel_precision"] = self._pooled(gated & lesion, gated)
        statistics["pixel_recall"] = self._pooled(gated & lesion, lesion)
        area = self._slices.pixel_mm**2
        slices |= {
            "dice_mixed": mixed_dice,
            "dice_ungated": dice,
            "lesion_mm2": lesion.sum(axis=(1, 2)) * area,
            "predicted_mm2": gated.sum(axis=(1, 2)) * area,
        }
        self._volume_dice(gated, statistics, volumes)

    def _pooled(self, part: BoolArray, whole: BoolArray) -> Statistic:
        """Pixels of `part` over pixels of `whole`, all slices together."""
        subject, count = self._slices.subject, self._slices.subjects
        above = np.bincount(subject, weights=part.sum(axis=(1, 2)), minlength=count)
        below = np.bincount(subject, weights=whole.sum(axis=(1, 2)), minlength=count)

        def statistic(weights: FloatArray) -> FloatArray:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray((weights @ above) / (weights @ below))

        return statistic

    def _volume_dice(self, gated: BoolArray, statistics: dict[str, Statistic], volumes: dict[str, Any]) -> None:
        """3-D Dice of each volume over its examined slices, 1 where mask and lesion are both empty."""
        lesion = self._measured.lesion
        _, first, place = np.unique(self._slices.volume, return_index=True, return_inverse=True)

        def sums(masks: BoolArray) -> FloatArray:
            return np.bincount(place, weights=masks.sum(axis=(1, 2)), minlength=len(first)).astype(np.float64)

        hits, sizes = sums(gated & lesion), sums(gated) + sums(lesion)
        dice = np.where(sizes > 0, 2 * hits / np.maximum(sizes, 1), 1.0)
        union = sizes - hits
        iou = np.where(union > 0, hits / np.maximum(union, 1), 1.0)
        subject = np.asarray(self._slices.subject)[first]
        count = self._slices.subjects
        statistics["dice_volume"] = mean_by_subject(dice, subject, count)
        statistics["iou_volume"] = mean_by_subject(iou, subject, count)
        volumes |= {
            "subject": [self._slices.subject_names[s] for s in subject],
            "slices": np.bincount(place, minlength=len(first)),
            "lesion_pixels": sums(lesion).astype(np.int64),
            "predicted_pixels": sums(gated).astype(np.int64),
            "dice": dice,
            "iou": iou,
        }

    def _maps(
        self, output: MethodOutput, statistics: dict[str, Statistic], exact: dict[str, float]
    ) -> tuple[dict[str, float], dict[str, tuple[FloatArray, FloatArray, FloatArray]]]:
        if output.maps is None:
            return {}, {}
        maps, lesion, interior = output.maps, self._measured.lesion, self._slices.interior
        outlined, count = self._measured.outlined, self._slices.subjects
        curves = {}
        for name, chosen in (("all", np.ones(len(maps), dtype=bool)), ("unhealthy", outlined)):
            region = interior[chosen]
            values, positive = maps[chosen][region], lesion[chosen][region]
            subject = np.repeat(np.asarray(self._slices.subject)[chosen], region.sum(axis=(1, 2)))
            key = f"auprc_{name}_slices"
            exact[key] = metrics.average_precision(values, positive)
            statistics[key] = metrics.BinnedPixels(values, positive, subject, count).average_precision
            curves[name] = metrics.precision_recall_curve(values, positive)
        inside = maps[interior]
        if not outlined.any() or not inside.size or not np.ptp(inside):
            return {}, curves  # without lesion, or with one value everywhere, no threshold is better than another
        threshold, best = best_dice_threshold(
            maps[outlined], lesion[outlined], interior[outlined], self._minimum_size_px
        )
        return {"threshold_unhealthy": threshold, "dice_unhealthy": best}, curves
