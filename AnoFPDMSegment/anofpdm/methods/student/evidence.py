"""What a student keeps of a volume, and what it answers from it at any threshold. Torch-free."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...core.array_archive import misshapen, missing
from ...core.arrays import BoolArray, FloatArray
from ...core.errors import EvidenceError
from ...thresholds.postprocessing import small_components
from ...thresholds.settings import MinimumSize
from ...volumes.score_volume import BELOW_BORDER
from ..method import Decision


@dataclass(frozen=True)
class StudentEvidence:
    """[N, 1, H, W] float32 of the N examined slices: the calibrated probability of a lesion, 0 outside the brain, and
    its uncertainty (half of what the mirror image's answer differs by)."""

    probability: FloatArray
    uncertainty: FloatArray

    def __post_init__(self) -> None:
        """Raises EvidenceError."""
        for name, values in evidence_arrays(self).items():
            if values.ndim != 4 or values.shape != self.probability.shape:
                raise misshapen(name, values.shape, self.probability.shape)
            if not (np.issubdtype(values.dtype, np.floating) and bool(((values >= 0) & (values <= 1)).all())):
                raise EvidenceError(f"The evidence's '{name}' holds what is no probability; detect again.")

    def __len__(self) -> int:
        return len(self.probability)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, 1, H, W)."""
        n, c, h, w = self.probability.shape
        return n, c, h, w


@dataclass(frozen=True)
class StudentAnswer:
    """See `methods.method.Answer`."""

    score: FloatArray
    accepted: BoolArray
    threshold: float
    minimum_size: MinimumSize

    @property
    def decisions(self) -> list[Decision | None]:
        """A slice is unhealthy if anything in it is marked."""
        marked = np.logical_and(self.score >= 1, self.accepted).any(axis=(1, 2))
        return ["unhealthy" if each else "healthy" for each in np.asarray(marked)]

    @property
    def minimum_mm3(self) -> float | None:
        """The smallest component kept, if it is said as a volume."""
        return self.minimum_size.mm3


def answer(evidence: StudentEvidence, threshold: float, minimum_size: MinimumSize) -> StudentAnswer:
    """At a threshold on the probability."""
    score = np.asarray(evidence.probability[:, 0] / np.float32(threshold), dtype=np.float32)
    accepted = np.ones(score.shape, dtype=bool)
    if minimum_size.pixels:
        removed = small_components(score >= 1, minimum_size.pixels)
        score = np.where(removed, np.float32(BELOW_BORDER), score)
    return StudentAnswer(score, accepted, threshold, minimum_size)


def evidence_arrays(evidence: StudentEvidence) -> dict[str, np.ndarray]:
    """By field name."""
    return {field.name: getattr(evidence, field.name) for field in dataclasses.fields(evidence)}


def evidence_from(arrays: Mapping[str, np.ndarray]) -> StudentEvidence:
    """Of its arrays. Raises EvidenceError."""
    names = [field.name for field in dataclasses.fields(StudentEvidence)]
    for name in names:
        if name not in arrays:
            raise missing(name)
    return StudentEvidence(**{name: arrays[name] for name in names})
