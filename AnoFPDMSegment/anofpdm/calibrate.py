"""Calibration from image-level labels alone (method section 3). Torch-free.

Everything is found for a whole grid of guidance strengths from the evidence of one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray
from .calibration import Calibration, Decision
from .errors import InputError
from .evidence.maps import Evidence, check_guidance
from .selection.decision import map_statistic, similarity
from .selection.postprocessing import filtered_map, small_components

PEAK_SHARE = 0.99
"""The default guidance strength is the largest within this share of the peak accuracy."""
HEALTHY_LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)
ERROR_MARGIN = 1.25
"""The accepted range of the unguided error: the volumes' extremes, widened by this factor."""


@dataclass(frozen=True)
class LabelledEvidence:
    """Evidence of N calibration slices with their image-level labels; no pixel label is needed."""

    evidence: Evidence
    interior: BoolArray
    """[N, H, W]: the eroded head."""
    unhealthy: BoolArray
    """[N]."""
    volume: IntArray
    """[N]: which volume a slice is of."""
    subjects: int

    def __post_init__(self) -> None:
        if self.unhealthy.all() or not self.unhealthy.any():
            raise InputError("Calibration needs healthy and unhealthy slices; the labels hold only one kind.")


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


def typical_error(evidence: Evidence) -> float:
    """Median over a volume's slices of their mean MSE^u: how well the unguided model knows such images."""
    return float(np.median(evidence.mse_unguided().mean(axis=(1, 2))))


def area_under_roc(values: FloatArray, unhealthy: BoolArray) -> float:
    """The share of (unhealthy, healthy) pairs in which the unhealthy value is larger; ties count half."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    # Average rank of each value, from 1.
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    positive = int(unhealthy.sum())
    negative = len(unhealthy) - positive
    return float((rank[unhealthy].sum() - positive * (positive + 1) / 2) / (positive * negative))


def calibrate(
    data: LabelledEvidence,
    guidance: Sequence[float],
    *,
    weights_sha256: str,
    name: str = "default",
    top_pixels: int = 20,
    minimum_size_px: int = 40,
    source: str = "",
) -> Calibration:
    """Choose guidance strength, thresholds and scaling from image-level labels.

    Args:
        guidance: rising grid of guidance strengths; with the clamp it must be the bank.
        top_pixels: how many of the largest map values decide an image.
        minimum_size_px: the model's smallest component, which the pixel threshold's level is chosen with.

    Raises InputError or SettingsError.
    """
    evidence = data.evidence
    for w in guidance:
        check_guidance(evidence.point, w)
    filtered = {w: filtered_map(evidence.aam(w)) for w in guidance}
    statistics = {w: map_statistic(filtered[w], data.interior, top_pixels) for w in guidance}
    unguided = evidence.mse_unguided()
    # Low similarity means unhealthy, so the threshold is found on its negative.
    by_similarity = [best_threshold(-similarity(evidence.mse_healthy(w), unguided), data.unhealthy) for w in guidance]
    by_map = [best_threshold(statistics[w], data.unhealthy) for w in guidance]
    decision: Decision = "map" if max(a for _, a in by_map) >= max(a for _, a in by_similarity) else "similarity"
    accuracy = [a for _, a in (by_map if decision == "map" else by_similarity)]
    ranks = (
        [statistics[w] for w in guidance]
        if decision == "map"
        else [-similarity(evidence.mse_healthy(w), unguided) for w in guidance]
    )
    default = max(w for w, a in zip(guidance, accuracy, strict=True) if a >= PEAK_SHARE * max(accuracy))
    level = _healthy_level(filtered[default], data, minimum_size_px)
    errors = np.array([typical_error(evidence.subset(data.volume == v)) for v in np.unique(data.volume)])
    return Calibration(
        name=name,
        weights_sha256=weights_sha256,
        operating_point=evidence.point,
        guidance=tuple(float(w) for w in guidance),
        default_guidance=float(default),
        accuracy=tuple(accuracy),
        auroc=tuple(area_under_roc(values, data.unhealthy) for values in ranks),
        decision=decision,
        similarity_threshold=tuple(-t for t, _ in by_similarity),
        map_threshold=tuple(max(t, 1e-12) for t, _ in by_map),
        top_pixels=top_pixels,
        threshold="healthy",
        healthy_level=level,
        healthy_threshold=tuple(healthy_threshold(filtered[w], data, level) for w in guidance),
        scaling=_scaling(evidence, data.unhealthy, guidance),
        unguided_error=(float(errors.min() / ERROR_MARGIN), float(errors.max() * ERROR_MARGIN)),
        slices=len(data.unhealthy),
        unhealthy_slices=int(data.unhealthy.sum()),
        subjects=data.subjects,
        source=source,
    )


def healthy_threshold(filtered: FloatArray, data: LabelledEvidence, level: float) -> float:
    """The quantile `level` of the healthy slices' filtered maps [N, H, W] inside the eroded head."""
    healthy = ~data.unhealthy
    values = filtered[healthy][data.interior[healthy]]
    if values.size == 0:
        raise InputError("The healthy calibration slices show no head; check the labels and the images.")
    return max(float(np.quantile(values, level)), 1e-12)


def _healthy_level(filtered: FloatArray, data: LabelledEvidence, minimum_size_px: int) -> float:
    """The level whose masks tell unhealthy slices best: a slice is called by having any component left.

    Balanced accuracy, since a level must not win by calling everything healthy; among equals the
    lowest level, which outlines the most.
    """

    def balanced_accuracy(level: float) -> float:
        masks = np.logical_and(filtered >= healthy_threshold(filtered, data, level), data.interior)
        called = np.any(masks & ~small_components(masks, minimum_size_px), axis=(1, 2))
        return float((called[data.unhealthy].mean() + (~called[~data.unhealthy]).mean()) / 2)

    scores = [balanced_accuracy(level) for level in HEALTHY_LEVELS]
    return HEALTHY_LEVELS[int(np.argmax(scores))]


def _scaling(evidence: Evidence, unhealthy: BoolArray, guidance: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """M_max per used modality over all calibration slices, as the paper says.

    The public code takes unhealthy slices only, and its constants are kept apart by the mode.
    """
    if evidence.point.mode == "reference":
        evidence = evidence.subset(np.flatnonzero(unhealthy))
    if evidence.point.clamp:
        tables = [evidence.divergence(w).max(axis=(0, 1)) for w in guidance]
    else:
        # Divided by its gain, the divergence at any w is mean(D^2).
        gain = 2.0 if evidence.point.mode == "paper" else 1.0
        tables = [evidence.divergence(1.0).max(axis=(0, 1)) / gain**2]
    return tuple(tuple(max(float(v), 1e-12) for v in row) for row in tables)
