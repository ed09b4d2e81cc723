"""What findings say of a result of AnoFPDM. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import FloatArray
from ..facts import DecisionRule, number_in_tables
from ..settings_text import InUse
from .calibrate import typical_error
from .calibration import calibration_for, describe_point
from .knobs import KNOBS
from .select import Selection
from .visited_levels import visited_levels

if TYPE_CHECKING:
    from ...results.case import CaseEvidence

_SAID_BY_KNOBS = ("clamp", "fixed_end_step", "operating_point")
_RULES = {"map": ("map statistic", True), "similarity": ("similarity", False)}


@dataclass(frozen=True)
class EndStep:
    """Where the aggregation of one modality ended (paper, section 3.3)."""

    step: int
    """Number of visited steps that entered the map, from 1."""
    noise_level: int
    """The noise level t of the last of them."""


@dataclass(frozen=True, kw_only=True)
class SliceFacts:
    """What AnoFPDM alone knows of a slice."""

    similarity: float | None = number_in_tables(
        "Similarity", "Cosine of the guided and the unguided error curve; low means unhealthy.", "{:.4f}"
    )
    """Over the visited steps (method section 2, step 4)."""
    map_statistic: float | None = number_in_tables(
        "Map statistic", "Mean of the largest values of the anomaly map inside the head.", "{:.3g}", "Statistic"
    )
    largest_divergence: Mapping[str, float | None]
    """max over t of M_t, by modality."""
    end_step: Mapping[str, EndStep]
    quantile: Mapping[str, float | None]
    """Quantile of Algorithm 1 by modality; None where another rule set the threshold."""


NO_FACTS = SliceFacts(similarity=None, map_statistic=None, largest_divergence={}, end_step={}, quantile={})
"""Of a slice that AnoFPDM did not see."""


@dataclass(frozen=True)
class VolumeFacts:
    """What AnoFPDM alone knows of a volume."""

    unguided_error: float | None
    """By how much the unguided prediction is typically off: what is outside the calibration's range is warned of."""


def parameters(case: CaseEvidence, selection: Selection) -> dict[str, Any]:
    """How the result was made: the operating point and every setting as it was resolved."""
    point, choices = case.evidence.point, selection.choices
    return {
        "steps": point.steps,
        "range": [point.first, point.last],
        "encoding": point.encoding,
        "mode": point.mode,
        "clamp": point.clamp,
        "guidance_bank": list(point.guidance_bank),
        "precision": point.precision,
        "fixed_end_step": point.end_step,
        "mirrored": point.mirrored,
        "direction": point.direction,
        "guidance": choices.guidance,
        "threshold": str(choices.threshold),
        "decision": choices.decision,
        "decision_threshold": choices.decision_threshold,
        "ungated": choices.ungated,
        "map": "last" if choices.last_sam_only else "aggregated",
        "scaling": list(choices.scaling) if choices.scaling else None,
        "region": choices.region,
        "consistency": choices.consistency,
        "minimum_size": str(choices.minimum_size),
        "operating_point": describe_point(point),
    }


def settings_in_use(parameters: Mapping[str, Any]) -> InUse:
    """Which of them are values of knobs, but for the words that say the same."""
    values = {knob.name: parameters.get(knob.name) for knob in KNOBS}
    rest = {name: value for name, value in parameters.items() if name not in values and name not in _SAID_BY_KNOBS}
    return InUse({**values, "end_step": parameters.get("fixed_end_step")}, rest)


def decision_rule(parameters: Mapping[str, Any]) -> DecisionRule | None:
    """What decides about slices."""
    if parameters["decision"] is None:
        return None
    by, at_least = _RULES[parameters["decision"]]
    return DecisionRule(by, float(parameters["decision_threshold"]), at_least)


def slice_facts(case: CaseEvidence, selection: Selection) -> list[SliceFacts]:
    """Of each examined slice."""
    return [
        SliceFacts(
            similarity=float(selection.similarity[row]),
            map_statistic=float(selection.map_statistic[row]),
            largest_divergence=_by_modality(case, selection.largest_divergence[row]),
            end_step=end_steps(case, selection, row),
            quantile=_by_modality(case, selection.quantile[row]),
        )
        for row in range(len(selection.score))
    ]


def end_steps(case: CaseEvidence, selection: Selection, row: int) -> dict[str, EndStep]:
    """Of examined slice `row`, by modality."""
    levels = visited_levels(case.evidence.point) + 1
    inclusive = case.evidence.point.includes_end_step
    return {
        name: EndStep(step=int(end) + inclusive, noise_level=int(levels[max(end - (not inclusive), 0)]))
        for name, end in zip(case.model.used, selection.end_index[row], strict=True)
    }


def volume_facts(case: CaseEvidence) -> VolumeFacts:
    """Of the whole volume."""
    return VolumeFacts(unguided_error=typical_error(case.evidence))


def warnings(case: CaseEvidence, selection: Selection) -> list[str]:
    """One sentence each."""
    return [*_calibration_warnings(case), *_missing_map_warnings(case, selection)]


def _missing_map_warnings(case: CaseEvidence, selection: Selection) -> list[str]:
    empty = np.isnan(case.evidence.aam(selection.choices.guidance)).any(axis=(1, 2, 3)).sum()
    if not empty:
        return []
    return [f"In {empty} slice(s) the divergence is largest at the very first step, where the public code has no map."]


def _calibration_warnings(case: CaseEvidence) -> list[str]:
    calibrations = [case.calibration] if case.calibration else []
    _, warning = calibration_for(calibrations, case.evidence.point, case.model.weights_sha256)
    return [text for text in (warning, _unguided_warning(case)) if text]


def _unguided_warning(case: CaseEvidence) -> str:
    calibration = case.calibration
    # A borrowed calibration saw other steps, whose errors differ.
    if calibration is None or not calibration.unguided_error or calibration.operating_point != case.evidence.point:
        return ""
    low, high = calibration.unguided_error
    typical = typical_error(case.evidence)
    if low <= typical <= high:
        return ""
    return (
        f"The model's unguided prediction of this volume is off by {typical:.3g}, outside the {low:.3g} to {high:.3g} "
        "seen in calibration: the input may be of a kind the model does not know, so read the result with caution."
    )


def _by_modality(case: CaseEvidence, values: FloatArray) -> dict[str, Any]:
    pairs = zip(case.model.used, values, strict=True)
    return {name: float(value) if np.isfinite(value) else None for name, value in pairs}
