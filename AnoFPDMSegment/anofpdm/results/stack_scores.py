"""What a method answered, on all slices of the stack. Torch-free."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..methods.method import Answer
from .case import CaseEvidence


def stack_of_scores(case: CaseEvidence, answer: Answer) -> tuple[FloatArray, BoolArray]:
    """Scores of all slices of the stack and where they are accepted, both [S, H, W].

    A slice that was not examined is accepted nowhere and repeats the scores of the nearest one that
    was, so that it pulls none of them down in the interpolation.
    """
    distance = np.abs(np.arange(len(case.examined))[:, None] - np.flatnonzero(case.examined))
    nearest = distance.argmin(axis=1)
    return answer.score[nearest], answer.accepted[nearest] & case.examined[:, None, None]
