"""Thresholds from image-level labels alone (method section 3): no pixel label is looked at."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..core.errors import InputError
from .postprocessing import small_components

HEALTHY_LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)


class LabelledRegions(Protocol):
    """Labelled slices and where anomalies are accepted in them."""

    @property
    def interior(self) -> BoolArray:
        """[N, H, W]: the eroded head."""

    @property
    def unhealthy(self) -> BoolArray:
        """[N]."""


def best_threshold(values: FloatArray, unhealthy: BoolArray) -> tuple[float, float]:
    """The threshold t for which `value >= t` makes the fewest image-level errors, and its accuracy.

    Candidates lie midway between neighbouring values; among equals the middle one is taken.
    """
    order = np.argsort(values, kind="stable")
    ordered, labels = np.asarray(values, dtype=np.float64)[order], unhealthy[order]
    # errors[k]: the k smallest are called healthy.
    errors = np.concatenate([[0], np.cumsum(labels)]) + (~labels).sum() - np.concatenate([[0], np.cumsum(~labels)])
    inner = np.flatnonzero(np.diff(ordered) > 0) + 1
    span = max(float(ordered[-1] - ordered[0]), abs(float(ordered[-1])) * 1e-6, 1e-12)
    cuts = np.concatenate([[ordered[0] - 0.5 * span], (ordered[inner - 1] + ordered[inner]) / 2, [ordered[-1] + span]])
    errors = errors[np.concatenate([[0], inner, [len(ordered)]])]
    best = np.flatnonzero(errors == errors.min())
    chosen = best[len(best) // 2]
    return float(cuts[chosen]), float(1 - errors[chosen] / len(ordered))


def shown_accuracy(masks: BoolArray, unhealthy: BoolArray) -> float:
    """Balanced accuracy of calling a slice unhealthy that has anything in its mask [N, H, W].

    Balanced, since no threshold must win by calling everything healthy.
    """
    called = np.asarray(masks.any(axis=(1, 2)))
    return float((called[unhealthy].mean() + (~called[~unhealthy]).mean()) / 2)


def healthy_threshold(filtered: FloatArray, data: LabelledRegions, level: float) -> float:
    """The quantile `level` of the healthy slices' filtered maps [N, H, W] inside the eroded head."""
    healthy = ~data.unhealthy
    values = filtered[healthy][data.interior[healthy]]
    if values.size == 0:
        raise InputError("The healthy calibration slices show no head; check the labels and the images.")
    return max(float(np.quantile(values, level)), 1e-12)


def best_healthy_level(
    filtered: FloatArray, data: LabelledRegions, minimum_size_px: int, region: BoolArray | None = None
) -> float:
    """The level whose masks tell unhealthy slices best (`shown_accuracy`), without small components.

    `region` [N, H, W] is where pixels are accepted, the eroded head by default. Among equals the lowest level, which
    outlines the most.
    """
    accepted = data.interior if region is None else region

    def accuracy(level: float) -> float:
        masks = np.logical_and(filtered >= healthy_threshold(filtered, data, level), accepted)
        return shown_accuracy(masks & ~small_components(masks, minimum_size_px), data.unhealthy)

    return HEALTHY_LEVELS[int(np.argmax([accuracy(level) for level in HEALTHY_LEVELS]))]
