"""Evidence with the labels of its slices, as calibration takes it."""

from __future__ import annotations

from ...evaluation.slices import LabelledSlices
from .calibrate import LabelledEvidence
from .evidence import Evidence


def labelled_evidence(evidence: Evidence, slices: LabelledSlices) -> LabelledEvidence:
    """What calibration is given: evidence of just these slices, and their labels."""
    return LabelledEvidence(
        evidence, slices.interior, slices.unhealthy, slices.volume, slices.slice_index, slices.subjects
    )
