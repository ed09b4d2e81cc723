"""What both witnesses say together. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import BoolArray, FloatArray
from ...results.case import CaseEvidence
from ...thresholds.settings import MinimumSize
from ...volumes.resized_maps import resized
from ..anofpdm.method import AnoFPDM
from ..anofpdm.select import Selection
from ..map_evidence import MapEvidence
from ..map_evidence import answer as cut
from ..method import Decision
from .evidence import FusedEvidence
from .fusion import agreement, joined_probability
from .settings import FusedSettings
from .witness_case import witness_case

_WITNESS = AnoFPDM()


@dataclass(frozen=True)
class FusedAnswer:
    """See `methods.method.Answer`. `witness`: AnoFPDM's own answer, of its slices and pixels."""

    score: FloatArray
    accepted: BoolArray
    decisions: list[Decision | None]
    probability: FloatArray
    """[N, H, W]: the joint probability."""
    threshold: float
    """Of the probability."""
    weight: float
    """Of the witness, as it counts here."""
    agreement: float | None
    """See `fusion.agreement`."""
    minimum_size: MinimumSize
    part: CaseEvidence
    """The case as AnoFPDM sees it."""
    witness: Selection

    @property
    def minimum_mm3(self) -> float | None:
        """The smallest component kept, if it is said as a volume."""
        return self.minimum_size.mm3


def joint_answer(case: CaseEvidence) -> FusedAnswer:
    """At the case's settings. Raises SettingsError for those that AnoFPDM's evidence cannot answer."""
    evidence: FusedEvidence = case.evidence
    settings: FusedSettings = case.settings
    fusion = case.calibration.fusion
    threshold = fusion.threshold if settings.threshold is None else settings.threshold
    smallest = settings.minimum_size or MinimumSize(mm3=fusion.minimum_mm3)
    part = witness_case(case)
    own = _WITNESS.answer(part)
    finder, witnessed = evidence.finder.map[:, 0], witness_map(evidence, own)
    agreed = agreement(finder, witnessed, fusion.possible)
    weight = settings.witness
    if weight is None:
        # A witness that marks what the finder rules out does not know images of this kind.
        weight = fusion.witness if agreed is None or agreed >= fusion.agreement else 0.0
    probability = joined_probability(finder, witnessed, weight)
    joint = cut(MapEvidence(probability[:, None]), np.ones(probability.shape, dtype=bool), threshold, smallest)
    return FusedAnswer(
        joint.score, joint.accepted, list(joint.decisions), probability, threshold, weight, agreed, smallest, part, own
    )


def witness_map(evidence: FusedEvidence, own: Selection) -> FloatArray:
    """[N, H, W], on the finder's pixels: 0 up to the border of what AnoFPDM marks, 1 from twice its threshold on.

    Its pixels are coarse and its maps wide: near its border the finder knows better.
    """
    count, _, height, width = evidence.shape
    seen = np.where(own.accepted, np.clip(own.score - 1, 0, 1), 0).astype(np.float32)
    maps = np.zeros((count, height, width), dtype=np.float32)
    maps[evidence.witnessed] = resized(seen, height, width)
    return maps
