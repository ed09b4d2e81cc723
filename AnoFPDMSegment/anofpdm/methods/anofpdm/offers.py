"""What a finished result of AnoFPDM offers: knobs that act live, and what follows where one is moved by hand."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ...thresholds.settings import Threshold
from ..knobs import CALIBRATED
from ..offers import Offer, Scale, as_model_says, value_scale
from .calibration import Calibration
from .knobs import DYNAMIC
from .run_presets import WIDEST_GUIDANCE
from .select import Selection
from .settings import SelectionSettings

if TYPE_CHECKING:
    from ...results.case import CaseEvidence

HEALTHY, QUANTILE, VALUE = "healthy", "quantile", "value"
FIRST_QUANTILE = 0.98
QUANTILES = Scale(0.5, 0.9999, 4)


def live_offers(case: CaseEvidence, answer: Selection, made: SelectionSettings) -> dict[str, Offer]:
    """By knob; see `Method.offers`."""
    settings, choices = case.settings, answer.choices
    bank = case.evidence.point.guidance_bank
    table = bank or (case.calibration.guidance if case.calibration else ())
    scale = Scale(table[0], table[-1]) if table else WIDEST_GUIDANCE
    return {
        "guidance": Offer(choices.guidance, own=settings.guidance is not None, scale=scale, only=bank),
        "threshold": _threshold(case, answer, made),
        "scaling": _scaling(case, answer),
        "minimum_size": Offer(
            choices.minimum_size.mm3 or 0.0,
            own=settings.minimum_size is not None,
            note="" if settings.minimum_size else as_model_says(choices.minimum_size.pixels),
        ),
        "decision_threshold": Offer(choices.decision_threshold, own=settings.decision_threshold is not None),
    }


def _threshold(case: CaseEvidence, answer: Selection, made: SelectionSettings) -> Offer:
    calibration, settings = case.calibration, case.settings
    kinds: dict[str, str] = {}
    if calibration is not None:
        names = {DYNAMIC: "dynamic", HEALTHY: "from healthy slices"}
        kinds[CALIBRATED] = f"As calibrated ({names.get(calibration.threshold, calibration.threshold)})"
    if calibration is not None or made.scaling is not None:
        kinds[DYNAMIC] = "Dynamic (Algorithm 1)"
    if calibration is not None:
        kinds[HEALTHY] = "From healthy slices"
    kinds[QUANTILE] = "Manual: quantile of the map"
    kinds[VALUE] = "Manual: value of the map"
    threshold = settings.threshold
    typical = float(np.median(answer.threshold)) if len(answer.threshold) else 0.0
    number = threshold.number if threshold is not None else None
    starts = {QUANTILE: FIRST_QUANTILE, VALUE: typical}
    if threshold is not None and threshold.kind not in kinds:
        # Chosen elsewhere: not offered here, but in use.
        kinds[threshold.kind] = f"As chosen ({threshold})"
        starts |= {} if number is None else {threshold.kind: number}
    largest = number if number is not None and threshold is not None and threshold.kind == VALUE else 0.0
    return Offer(
        number,
        own=threshold is not None,
        kinds=kinds,
        kind=CALIBRATED if threshold is None else threshold.kind,
        scales={QUANTILE: QUANTILES, VALUE: value_scale(max(largest, typical))},
        starts=starts,
    )


def _scaling(case: CaseEvidence, answer: Selection) -> Offer:
    """M_max of each used modality; nothing unless the threshold in use is dynamic."""
    choices, own = answer.choices, case.settings.scaling is not None
    acts = choices.threshold.kind == DYNAMIC
    return Offer(
        (choices.scaling or ()) if acts else (),
        own=own,
        note=("your own" if own else "as calibrated") if acts else "acts on the dynamic threshold only",
        calibrated=acts and case.calibration is not None,
    )


def moved(
    before: SelectionSettings, name: str, value: Any, calibration: Calibration | None, made: SelectionSettings
) -> SelectionSettings:
    """The settings with one knob moved by hand, and what follows from it.

    A scaling of the user's goes with the dynamic threshold alone. `made`: what the result was made with, which knows
    the scaling of a run that is not calibrated.
    """
    if name == "scaling":
        return dataclasses.replace(before, threshold=Threshold("dynamic"), scaling=value)
    if name != "threshold":
        return dataclasses.replace(before, **{name: value})
    scaling = before.scaling if value is not None and value.kind == DYNAMIC else None
    if value is not None and value.kind == DYNAMIC and calibration is None:
        # Nothing else says what it is: the run was given it.
        scaling = scaling or made.scaling
    return dataclasses.replace(before, threshold=value, scaling=scaling)
