"""What the findings say of each region: place, probability, confidence. Torch-free."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..core.arrays import FloatArray
from ..gate.confidence import confidence_of, excess
from ..methods.method import Answer
from ..methods.registry import find_method
from .case import CaseEvidence
from .component_means import means_in_components, sums_in_components
from .components import Component
from .findings_record import ComponentFinding
from .place import place_in_words
from .stack_scores import stack_of_scores


def component_findings(
    case: CaseEvidence,
    answer: Answer,
    score: FloatArray,
    components: Sequence[Component],
    probability: FloatArray | None,
) -> list[ComponentFinding]:
    """Of each component of `score` [k, j, i]; `probability` [S, H, W]: of methods that yield one."""
    if not components:
        # Nothing was found, or the gate withholds it; the score may have regions then.
        return []
    unknown: list[float | None] = [None] * len(components)
    means = unknown if probability is None else means_in_components(probability, case.grid, score, case.geometry)
    return [
        ComponentFinding(
            **{field.name: getattr(component, field.name) for field in dataclasses.fields(component)},
            place=place_in_words(component, case.head, case.grid),
            probability=mean,
            confidence=confidence,
        )
        for component, mean, confidence in zip(
            components, means, _confidences(case, answer, score) or unknown, strict=True
        )
    ]


def _confidences(case: CaseEvidence, answer: Answer, score: FloatArray) -> list[float | None]:
    """Of each component; empty where nobody measured healthy heads."""
    if case.gate is None or not case.gate.healthy:
        return []
    method = find_method(case.method)
    calibrated = method.settings_type()
    if case.settings != calibrated:
        answer = method.answer(dataclasses.replace(case, settings=calibrated))
    return [confidence_of(strength, case.gate.healthy) for strength in region_strengths(case, answer, score)]


def region_strengths(case: CaseEvidence, answer: Answer, score: FloatArray) -> list[float]:
    """Of each component of `score` [k, j, i] its strength (`gate.confidence`) by an answer, in mL."""
    stack, accepted = stack_of_scores(case, answer)
    beyond = np.where(accepted, excess(stack), 0).astype(np.float32)
    voxel_ml = case.geometry.voxel_volume_mm3 / 1000
    return [total * voxel_ml for total in sums_in_components(beyond, case.grid, score, case.geometry)]
