"""From evidence, calibration and settings to scores and decisions, slice by slice (method section 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import BoolArray, FloatArray
from ...core.errors import SettingsError
from ...thresholds.map_statistic import map_statistic
from ...thresholds.neighbours import Runs, neighbour_map, neighbour_mean
from ...thresholds.own_reference import own_threshold
from ...thresholds.postprocessing import filtered_map, small_components
from ...thresholds.settings import MinimumSize, Threshold
from ...volumes.bounding_box import bounding_box, grown
from ...volumes.score_volume import BELOW_BORDER, LARGEST_SCORE
from ..method import Decision as ImageDecision
from .algorithm1 import anomaly_strength, quantile_of, quantile_thresholds
from .calibration import CalibratedValues, Calibration, Consistency, Decision, Region
from .evidence import Evidence, check_guidance
from .operating_point import OperatingPoint
from .settings import SelectionSettings
from .similarity import similarity


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
    consistency: Consistency


@dataclass(frozen=True)
class Selection:
    """What was chosen for each examined slice (N), on the model grid."""

    choices: Choices
    score: FloatArray
    """[N, H, W]: filtered map over the slice's threshold, 1 at the border, at most LARGEST_SCORE, wherever pixels
    can be accepted and one pixel around; 0 further out."""
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

    @property
    def decisions(self) -> list[ImageDecision | None]:
        """[N]: None without an image-level decision."""
        if self.choices.decision is None:
            return [None] * len(self.unhealthy)
        return ["unhealthy" if unhealthy else "healthy" for unhealthy in self.unhealthy]

    @property
    def minimum_mm3(self) -> float | None:
        """The smallest component kept, if it is said as a volume."""
        return self.choices.minimum_size.mm3


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
    guidance, threshold = _guidance_and_threshold(settings, calibration)
    check_guidance(point, guidance)
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
        consistency=settings.consistency or (calibration.consistency if calibration else "slice"),
    )


def _guidance_and_threshold(settings: SelectionSettings, calibration: Calibration | None) -> tuple[float, Threshold]:
    guidance, threshold = settings.guidance, settings.threshold
    if threshold is None and settings.map == "last":
        # The paper's own; the healthy threshold is calibrated for the aggregated map.
        threshold = Threshold("dynamic")
    if settings.map == "last" and threshold is not None and threshold.kind == "healthy":
        raise SettingsError(
            "The healthy threshold is calibrated for the aggregated map; with the last map alone give --threshold "
            "dynamic, quantile=Q, value=V or own=K."
        )
    if calibration is None:
        _refuse_open_questions(settings, threshold)
    else:
        guidance = calibration.default_guidance if guidance is None else guidance
        threshold = threshold or Threshold(calibration.threshold)
    assert guidance is not None and threshold is not None
    return guidance, threshold


def _refuse_open_questions(settings: SelectionSettings, threshold: Threshold | None) -> None:
    """Without a calibration everything must be given; say all that is missing at once."""
    if settings.decision == "map" or (settings.decision is not None and settings.decision_threshold is None):
        raise SettingsError(
            f"This model has no calibration for this forward process, so the {settings.decision} decision cannot be "
            "made; calibrate it, or leave --decision out."
        )
    missing = []
    if settings.guidance is None:
        missing.append("--guidance W")
    if threshold is None or threshold.kind == "healthy":
        missing.append("--threshold quantile=Q or value=V")
    elif threshold.kind == "dynamic" and settings.scaling is None:
        missing.append("--scaling M")
    if settings.decision_threshold is None and not settings.ungated:
        missing.append("--ungated")
    if missing:
        raise SettingsError(
            f"This model has no calibration for this forward process; calibrate it, or give {', '.join(missing)}."
        )


def _look_up(
    calibration: Calibration | None, guidance: float, settings: SelectionSettings, threshold: Threshold
) -> CalibratedValues | None:
    if calibration is None:
        return None
    uncalibrated = threshold.kind in ("quantile", "value", "own") or (
        threshold.kind == "dynamic" and settings.scaling is not None
    )
    known = calibration.guidance[0] <= guidance <= calibration.guidance[-1] and calibration.has(settings.consistency)
    if uncalibrated and settings.ungated and not known:
        return None
    return calibration.at(guidance, settings.consistency)


def _decision(
    settings: SelectionSettings, calibration: Calibration | None, values: CalibratedValues | None
) -> tuple[Decision | None, float | None]:
    if calibration is None or values is None:
        if settings.decision_threshold is not None:
            return settings.decision or "similarity", settings.decision_threshold
        if settings.decision is not None:
            raise SettingsError(
                f"The {settings.decision} decision is not calibrated for these settings; leave --decision out or give "
                "--decision-threshold."
            )
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
    if settings.scaling and threshold.kind != "dynamic":
        raise SettingsError(f"The scaling has no effect on a {threshold.kind} threshold; add --threshold dynamic.")
    return scaling


def select(evidence: Evidence, interior: BoolArray, choices: Choices, runs: Runs = ()) -> Selection:
    """Scores and decisions of the slices in `evidence`.

    Args:
        evidence: N slices.
        interior: the eroded head [N, H, W].
        choices: from `resolve`.
        runs: which slices are neighbours; by default none are.

    Maps and thresholds are found per channel, then averaged over channels; the threshold applies to
    the median-filtered map (method sections 2.6 and 2.7).
    """
    w = choices.guidance
    region = interior if choices.region == "interior" else np.ones_like(interior)
    # Interpolation reaches one pixel further, averaging one more; filtering the rest would only cost time.
    reach = 2 if choices.consistency == "volume" else 1
    within = grown(bounding_box(region | interior), reach, region.shape)
    aam = np.nan_to_num(evidence.aam(w), nan=0.0)
    aggregated = filtered_map(aam, within)
    maps = evidence.last_sam(w) if choices.last_sam_only else aam
    filtered = filtered_map(maps, within) if choices.last_sam_only else aggregated
    if choices.consistency == "volume":
        aggregated = neighbour_map(aggregated, runs)
        filtered = neighbour_map(filtered, runs) if choices.last_sam_only else aggregated
    largest = evidence.divergence(w).max(axis=1)
    if choices.threshold.kind == "own":
        quantile = np.full(maps.shape[:2], np.nan)
        threshold = np.full(len(maps), own_threshold(filtered, interior, choices.threshold.number or 0.0))
    else:
        quantile, threshold = _thresholds(evidence, maps, largest, choices)
    similarities = similarity(evidence.mse_healthy(w), evidence.mse_unguided())
    statistic = np.full(len(filtered), np.nan)
    if choices.top_pixels is not None:
        # Its threshold is calibrated on the aggregated map, whichever map is shown.
        statistic = map_statistic(aggregated, interior, choices.top_pixels)
        if choices.consistency == "volume":
            statistic = neighbour_mean(statistic, runs)
    unhealthy = _decide(choices, similarities, statistic)
    shown = np.ones(len(filtered), dtype=bool) if choices.ungated else unhealthy
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(threshold[:, None, None] > 0, filtered / threshold[:, None, None], 0.0)
    score = np.minimum(score, LARGEST_SCORE).astype(np.float32)
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
