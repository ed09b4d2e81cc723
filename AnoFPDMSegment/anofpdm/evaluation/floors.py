"""Rows that are no methods, for they look at no image: what chance and the slice's level alone reach."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..core.arrays import FloatArray
from ..thresholds.image_labels import best_threshold
from .method_output import MethodInput, MethodOutput
from .slices import LabelledSlices

MIDDLE_LEVEL = 0.55


class AllZero:
    """Never finds anything."""

    name = "all-zero"

    def check(self, given: MethodInput) -> None:
        """Nothing can fail."""

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """Empty masks; every slice is called healthy."""
        shape = given.measured.interior.shape
        yield MethodOutput(
            self.name,
            self.name,
            "nothing",
            maps=np.zeros(shape, dtype=np.float32),
            masks=np.zeros(shape, dtype=bool),
            image_score=np.zeros(len(given.measured)),
            unhealthy=np.zeros(len(given.measured), dtype=bool),
        )


class LevelOnly:
    """Does not look at the image: lesions are commoner in the middle of the head (image level only)."""

    name = "level-only"

    def check(self, given: MethodInput) -> None:
        """Nothing can fail."""

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """-|level - 0.55|, decided by the threshold that makes the fewest image-level errors."""
        score, tuning = _centrality(given.measured), _centrality(given.tuning)
        limit, _ = best_threshold(tuning, given.tuning.unhealthy)
        yield MethodOutput(
            self.name,
            self.name,
            "image labels",
            {"middle": MIDDLE_LEVEL, "image_threshold": limit},
            image_score=score,
            unhealthy=score >= limit,
        )


def _centrality(slices: LabelledSlices) -> FloatArray:
    return np.nan_to_num(-np.abs(slices.level.astype(np.float64) - MIDDLE_LEVEL), nan=-1.0)
