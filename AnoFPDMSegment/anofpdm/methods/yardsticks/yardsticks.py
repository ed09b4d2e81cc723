"""Yardsticks that need no network: what a method must beat before its figures mean anything."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...core.arrays import FloatArray
from ...evaluation.map_outputs import outputs_of_map
from ...evaluation.method_output import MethodInput, MethodOutput
from ...evaluation.slices import LabelledSlices
from ...thresholds.image_labels import best_threshold
from .maps import intensity_map, left_right_map

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


class MapYardstick:
    """A map made from the image alone, thresholded once with image-level labels and once as masks would have it."""

    def __init__(self, name: str, modality: str, channel: int) -> None:
        self.name = name
        self._modality = modality
        self._channel = channel

    def check(self, given: MethodInput) -> None:
        """Nothing can fail."""

    def maps(self, slices: LabelledSlices) -> FloatArray:
        """[N, H, W]; not negative."""
        raise NotImplementedError

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """Tuned with image labels; and with the threshold that masks would choose, which bounds any threshold."""
        maps = self.maps(given.measured)
        tuning = maps if given.tuning is given.measured else self.maps(given.tuning)
        yield from outputs_of_map(self.name, self.name, maps, tuning, given, parameters={"modality": self._modality})


class Intensity(MapYardstick):
    """The image itself."""

    def maps(self, slices: LabelledSlices) -> FloatArray:
        """Intensities in units of the volume's percentile, not clipped."""
        return intensity_map(slices.intensity[:, self._channel], slices.head, self._modality)


class LeftRight(MapYardstick):
    """What is brighter than the same place on the other side (darker or brighter where lesions need not be bright)."""

    def maps(self, slices: LabelledSlices) -> FloatArray:
        """Differences of medians, mirrored at the middle of each slice's head."""
        return left_right_map(slices.intensity[:, self._channel], slices.head, self._modality)
