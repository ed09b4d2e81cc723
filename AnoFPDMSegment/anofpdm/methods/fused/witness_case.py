"""A fused case as its witness alone sees it. Torch-free."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...core.arrays import BoolArray
from ...results.case import CaseEvidence
from ...volumes.resized_maps import resized
from .evidence import FusedEvidence
from .settings import FusedSettings

NOT_WITNESSED = "not examined by AnoFPDM"


def witness_case(case: CaseEvidence) -> CaseEvidence:
    """The case of AnoFPDM's part, from which its method answers: its pixels, its slices, its settings."""
    evidence: FusedEvidence = case.evidence
    settings: FusedSettings = case.settings
    _, _, height, width = evidence.witness.shape
    examined = case.examined.copy()
    examined[examined] = evidence.witnessed
    interior = np.zeros((len(examined), height, width), dtype=bool)
    interior[examined] = evidence.interior
    reasons = [
        reason or ("" if seen else NOT_WITNESSED)
        for reason, seen in zip(case.not_examined_reason, examined, strict=True)
    ]
    return dataclasses.replace(
        case,
        method="anofpdm",
        evidence=evidence.witness,
        grid=case.grid.with_pixels(width, height),
        examined=examined,
        not_examined_reason=tuple(reasons),
        head=_head(case.head, height, width) | interior,
        interior=interior,
        model=evidence.model,
        calibration=case.calibration.witness,
        settings=settings.of_witness,
    )


def _head(head: BoolArray, height: int, width: int) -> BoolArray:
    return np.asarray(resized(head.astype(np.float32), height, width) >= 0.5)
