"""From evidence, calibration and settings to scores and decisions, slice by slice (method section 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import BoolArray, FloatArray
from ..calibration import CalibratedValues, Calibration, Decision, Region
from ..configuration import OperatingPoint
from ..errors import SettingsError
from ..evidence.maps import Evidence, check_guidance
from ..volumes.score_volume import BELOW_BORDER
from .algorithm1 import anomaly_strength, quantile_of, quantile_thresholds
from .decision import map_statistic, similarity
from .postprocessing import median_filter, small_components
from .settings import MinimumSize, SelectionSettings, Threshold

LARGEST_SCORE = 1e6
"""Where a threshold is nearly 0, more would be infinite on disk and spoil the interpolation."""


@dataclass(frozen=True)
class Choices:
    """The settings with every default resolved."""

    guidance: float
    threshold: Threshold
    decision: Decision | None
    decision_threshold: float | None
    ungated: bool
    last_sam_only: bool
    scaling: tuple[float, ...] | None
    """M_max per used modality; None where neither calibrated nor given."""
    region: Region
    minimum_size: MinimumSize
    top_pixels: int | None
    healthy_threshold: float | None


@dataclass(frozen=True)
class Selection:
    """What was chosen for each examined slice (N), on the model grid."""

    choices: Choices
    score: FloatArray
    """[N, H, W]: filtered map over the slice's threshold, 1 at the border, at most LARGEST_SCORE, everywhere."""
    accepted: BoolArray
    """[N, H, W]: where a score of 1 makes a finding; nowhere in slices that are not shown."""
    threshold: FloatArray
    """[N]."""
    quantile: FloatArray
    """[N, C]; NaN where the threshold is not a quantile."""
    unhealthy: BoolArray
    """[N]: the image-level decision; all True without one."""
    similarity: FloatArray
    """[N]."""
    map_statistic: FloatArray
    """[N]; NaN without a calibration that says how many values to average."""
    largest_divergence: FloatArray
    """[N, C]: max_t M_t."""
    end_index: np.ndarray
    """[N, C]: t_e as an index into the visited steps."""


def resolve(
    point: OperatingPoint,
    channels: int,
    settings: SelectionSettings,
    calibration: Calibration | None,
    default_minimum_size: MinimumSize,
) -> Choices:
    """Fill in what the settings leave open from the calibration.

    Args:
        point: how the evidence was, or will be, computed.
        channels: number of used modalities.

    Raises SettingsError when something is needed that no calibration gives, or when the guidance
    strength is not available at this operating point.
    """
    guidance = settings.guidance if settings.guidance is not None else _calibrated_guidance(calibration)
    check_guidance(point, guidance)
    threshold = settings.threshold
    if threshold is None:
        threshold = Threshold(_needed(calibration, "a threshold", "--threshold quantile=Q or value=V").threshold)
    values = _look_up(calibration, guidance, settings, threshold)
    decision, limit = _decision(settings, calibration, values)
    return Choices(
        guidance=guidance,
        threshold=threshold,
        decision=decision,
        decision_threshold=limit,
        ungated=settings.ungated,
        last_sam_only=settings.map == "last",
        scaling=_scaling(channels, settings, values, threshold),
        region=settings.region or _region(point, calibration),
        minimum_size=settings.minimum_size or default_minimum_size,
        top_pixels=calibration.top_pixels if calibration else None,
        healthy_threshold=values.healthy_threshold if values else None,
    )


def _needed(calibration: Calibration | None, what: str, option: str) -> Calibration:
    if calibration is None:
        raise SettingsError(
            f"This model has no calibration for this forward process that gives {what}; calibrate it, or give {option}."
        )
    return calibration


def _calibrated_guidance(calibration: Calibration | None) -> float:
    return _needed(calibration, "a guidance strength", "--guidance W").default_guidance


def _look_up(
    calibration: Calibration | None, guidance: float, settings: SelectionSettings, threshold: Threshold
) -> CalibratedValues | None:
    if calibration is None:
        if threshold.kind == "healthy":
            _needed(calibration, "a healthy threshold", "--threshold quantile=Q or value=V")
        return None
    uncalibrated = threshold.kind in ("quantile", "value") or (
        threshold.kind == "dynamic" and settings.scaling is not None
    )
    if uncalibrated and settings.ungated and not calibration.guidance[0] <= guidance <= calibration.guidance[-1]:
        return None
    return calibration.at(guidance)


def _decision(
    settings: SelectionSettings, calibration: Calibration | None, values: CalibratedValues | None
) -> tuple[Decision | None, float | None]:
    if calibration is None or values is None:
        if settings.decision == "map" and calibration is None:
            _needed(calibration, "the map decision", "--ungated")
        if settings.decision_threshold is not None:
            return settings.decision or "similarity", settings.decision_threshold
        if not settings.ungated:
            _needed(calibration, "an image-level threshold", "--ungated to show every slice's map")
        return None, None
    decision = settings.decision or calibration.decision
    limit = settings.decision_threshold
    if limit is None:
        limit = values.map_threshold if decision == "map" else values.similarity_threshold
    return decision, limit


def _region(point: OperatingPoint, calibration: Calibration | None) -> Region:
    if point.mode == "reference":
        return "frame"
    return calibration.region if calibration else "interior"


def _scaling(
    channels: int, settings: SelectionSettings, values: CalibratedValues | None, threshold: Threshold
) -> tuple[float, ...] | None:
    scaling = settings.scaling or (values.largest_divergence if values else None)
    if scaling is not None and len(scaling) != channels:
        remedy = "" if settings.scaling else "; calibrate the model again"
        raise SettingsError(f"The dataset-calibrated scaling needs {channels} value(s), not {len(scaling)}{remedy}.")
    if scaling is not None and threshold.kind == "dynamic" and not all(value > 0 for value in scaling):
        raise SettingsError("The dataset-calibrated scaling is 0 at this guidance strength; choose a larger one.")
    if threshold.kind == "dynamic" and scaling is None:
        raise SettingsError("The dynamic threshold needs the dataset-calibrated scaling; calibrate or give --scaling.")
    return scaling


def select(evidence: Evidence, interior: BoolArray, choices: Choices) -> Selection:
    """Scores and decisions of the slices in `evidence`.

    Args:
        evidence: N slices.
        interior: the eroded head [N, H, W].
        choices: from `resolve`.

    Maps and thresholds are found per channel, then averaged over channels; the threshold applies to
    the median-filtered map (method sections 2.6 and 2.7).
    """
    w = choices.guidance
    maps = evidence.last_sam(w) if choices.last_sam_only else evidence.aam(w)
    # The public code's empty mean at t_e = 0 is NaN there; no pixel of such a slice passes a threshold.
    maps = np.where(np.isnan(maps), np.float32(0), maps).astype(np.float32)
    filtered = median_filter(maps.mean(axis=1))
    largest = evidence.divergence(w).max(axis=1)
    quantile, threshold = _thresholds(evidence, maps, largest, choices)
    similarities = similarity(evidence.mse_healthy(w), evidence.mse_unguided())
    statistic = (
        map_statistic(filtered, interior, choices.top_pixels)
        if choices.top_pixels is not None
        else np.full(len(filtered), np.nan)
    )
    unhealthy = _decide(choices, similarities, statistic)
    shown = np.ones(len(filtered), dtype=bool) if choices.ungated else unhealthy
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(threshold[:, None, None] > 0, filtered / threshold[:, None, None], 0.0)
    score = np.minimum(score, LARGEST_SCORE).astype(np.float32)
    region = interior if choices.region == "interior" else np.ones_like(interior)
    accepted = region & shown[:, None, None]
    if choices.minimum_size.pixels:
        removed = small_components((score >= 1) & accepted, choices.minimum_size.pixels)
        score = np.where(removed, BELOW_BORDER, score)
    return Selection(
        choices=choices,
        score=score,
        accepted=accepted,
        threshold=threshold,
        quantile=quantile,
        unhealthy=unhealthy,
        similarity=similarities,
        map_statistic=statistic,
        largest_divergence=largest,
        end_index=evidence.end(w),
    )


def _thresholds(
    evidence: Evidence, maps: FloatArray, largest: FloatArray, choices: Choices
) -> tuple[FloatArray, FloatArray]:
    quantile = np.full(maps.shape[:2], np.nan)
    kind, number = choices.threshold.kind, choices.threshold.number
    if kind == "healthy":
        return quantile, np.full(len(maps), choices.healthy_threshold, dtype=np.float64)
    if kind == "value":
        return quantile, np.full(len(maps), number, dtype=np.float64)
    if kind == "quantile":
        quantile = np.full(maps.shape[:2], number, dtype=np.float64)
    else:
        strength = anomaly_strength(largest, np.asarray(choices.scaling))
        quantile = quantile_of(strength, truncate=evidence.point.mode == "reference")
    return quantile, quantile_thresholds(maps, quantile).mean(axis=1)


def _decide(choices: Choices, similarities: FloatArray, statistic: FloatArray) -> BoolArray:
    if choices.decision is None or choices.decision_threshold is None:
        return np.ones(len(similarities), dtype=bool)
    if choices.decision == "similarity":
        return np.asarray(similarities <= choices.decision_threshold)
    return np.asarray(statistic >= choices.decision_threshold)
