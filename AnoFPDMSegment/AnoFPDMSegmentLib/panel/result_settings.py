"""Settings of a result as its widgets show them; no widgets."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from anofpdm.methods.anofpdm.settings import SelectionSettings
    from anofpdm.results.case import CaseEvidence

    from ..mrml.result import Result

CALIBRATED, DYNAMIC, HEALTHY, QUANTILE, VALUE = "calibrated", "dynamic", "healthy", "quantile", "value"
FIRST_QUANTILE = 0.98
QUANTILE_SCALE = (0.5, 0.9999, 4)
"""Smallest and largest quantile, and decimals."""
WIDEST_GUIDANCE = (0.0, 30.0)


def guidanceRange(case: CaseEvidence) -> tuple[float, float]:
    """Smallest and largest guidance strength that the evidence can answer for."""
    bank = guidanceBank(case)
    if bank:
        return bank[0], bank[-1]
    return (case.calibration.guidance[0], case.calibration.guidance[-1]) if case.calibration else WIDEST_GUIDANCE


def guidanceBank(case: CaseEvidence) -> tuple[float, ...]:
    """The only guidance strengths there are; empty where it is continuous."""
    return case.evidence.point.guidance_bank


def thresholdKinds(case: CaseEvidence) -> dict[str, str]:
    """The kinds of threshold that the evidence can answer for, with their texts."""
    kinds: dict[str, str] = {}
    if case.calibration is not None:
        usual = case.calibration.threshold
        names = {DYNAMIC: _("dynamic"), HEALTHY: _("from healthy slices")}
        kinds[CALIBRATED] = _("As calibrated ({kind})").format(kind=names.get(usual, usual))
    if case.calibration is not None or case.settings.scaling is not None:
        kinds[DYNAMIC] = _("Dynamic (Algorithm 1)")
    if case.calibration is not None:
        kinds[HEALTHY] = _("From healthy slices")
    kinds[QUANTILE] = _("Manual: quantile of the map")
    kinds[VALUE] = _("Manual: value of the map")
    return kinds


def thresholdKind(settings: SelectionSettings) -> str:
    """Which of these the settings have."""
    return CALIBRATED if settings.threshold is None else settings.threshold.kind


def withThreshold(
    settings: SelectionSettings, kind: str, number: float | None, case: CaseEvidence
) -> SelectionSettings:
    """Another threshold; `number` for the manual ones. A scaling of the user's goes with the dynamic one alone."""
    from anofpdm.thresholds.settings import Threshold

    manual = number if kind in (QUANTILE, VALUE) else None
    threshold = None if kind == CALIBRATED else Threshold(kind, manual)
    scaling = settings.scaling if kind == DYNAMIC else None
    if kind == DYNAMIC and case.calibration is None:
        # Nothing else says what it is: the run was given it.
        scaling = scaling or case.settings.scaling
    return dataclasses.replace(settings, threshold=threshold, scaling=scaling)


def scalingInUse(result: Result) -> tuple[float, ...]:
    """M_max of each used modality; empty unless the threshold in use is dynamic."""
    choices = result.detection.answer.choices
    return choices.scaling or () if choices.threshold.kind == DYNAMIC else ()


def withScaling(settings: SelectionSettings, scaling: tuple[float, ...] | None) -> SelectionSettings:
    """Another scaling for the dynamic threshold; None for that of the calibration."""
    from anofpdm.thresholds.settings import Threshold

    return dataclasses.replace(settings, threshold=Threshold(DYNAMIC), scaling=scaling)


def firstNumber(kind: str, result: Result) -> float | None:
    """Where a manual threshold begins: at the value in use, so that nothing jumps."""
    if kind == QUANTILE:
        return FIRST_QUANTILE
    return typicalThreshold(result) if kind == VALUE else None


def typicalThreshold(result: Result) -> float:
    """Median of the thresholds that the slices have now."""
    import numpy as np

    return float(np.median(result.detection.answer.threshold))


def valueScale(typical: float) -> tuple[float, float, int]:
    """Smallest and largest value and decimals of a slider for thresholds around `typical`.

    The largest is 1, 2 or 5 times a power of ten and 2.5 to 6.25 times `typical`: on a slider of 300 pixels one
    pixel is then at most two hundredths of the threshold.
    """
    if typical <= 0:
        typical = 0.1
    magnitude = math.floor(math.log10(typical))
    decimals = max(1, 3 - magnitude)
    scales = (first * 10.0**power for power in (magnitude, magnitude + 1) for first in (1, 2, 5))
    largest = next(scale for scale in scales if scale >= 2.5 * typical)
    return 10.0**-decimals, largest, decimals


def withMinimumSize(settings: SelectionSettings, mm3: float | None) -> SelectionSettings:
    """Another minimum size; None for the model's own."""
    from anofpdm.thresholds.settings import MinimumSize

    return dataclasses.replace(settings, minimum_size=None if mm3 is None else MinimumSize(mm3=mm3))


def asCalibrated(settings: SelectionSettings, case: CaseEvidence) -> SelectionSettings:
    """The calibration's own; without a calibration the settings as they are."""
    from anofpdm.methods.anofpdm.settings import SelectionSettings as Settings

    return settings if case.calibration is None else Settings()
