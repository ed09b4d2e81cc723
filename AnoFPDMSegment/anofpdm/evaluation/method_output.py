"""What a compared method gives for every slice, and what it cost. The one interface between methods and measuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..thresholds.image_labels import best_healthy_level, best_threshold, healthy_threshold
from ..thresholds.map_statistic import map_statistic
from ..thresholds.postprocessing import small_components
from .slices import LabelledSlices, MeasuredSlices

TunedWith = Literal["nothing", "image labels", "pixel masks", "unknown"]


@dataclass(frozen=True)
class Cost:
    """What a slice costs."""

    seconds: float | None = None
    """Wall time a slice of what the method computes beyond measuring; None where it was not timed."""
    network_evaluations: int = 0
    """Evaluations of a network a slice; one with two labels counts twice."""


class LabelSource(Protocol):
    """A calibration that a model brings, as far as it says which labels made it."""

    @property
    def source(self) -> str:
        """The labelled slices, in words."""

    @property
    def slices(self) -> int:
        """How many there were."""


@dataclass(frozen=True)
class MethodOutput:
    """One row of the table. N slices; whatever the method does not give is None."""

    name: str
    family: str
    """The method of which this is a variant."""
    tuned_with: TunedWith
    """The most telling labels that its settings were chosen with."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    maps: FloatArray | None = None
    """[N, H, W]: larger means more anomalous."""
    masks: BoolArray | None = None
    """[N, H, W], before the image-level decision empties any."""
    image_score: FloatArray | None = None
    """[N]: larger means more probably unhealthy."""
    unhealthy: BoolArray | None = None
    """[N]: the image-level decision."""
    cost: Cost = field(default_factory=Cost)
    own_calibration: LabelSource | None = None
    """The model's own, where thresholds come from it and not from the tuning slices."""

    @property
    def gated_masks(self) -> BoolArray | None:
        """The masks, empty in slices decided healthy."""
        if self.masks is None or self.unhealthy is None:
            return self.masks
        return self.masks & self.unhealthy[:, None, None]


@dataclass(frozen=True)
class MethodInput:
    """What a method is given: slices to work on, and labelled ones to tune itself with."""

    measured: LabelledSlices
    tuning: LabelledSlices
    """Where image-level labels may be used; often the same slices."""
    top_pixels: int
    """How many of the largest map values decide an image."""
    minimum_size_px: int
    masked: MeasuredSlices | None = None
    """The measured slices with their lesions, only for what is marked as tuned with pixel masks."""


class Method(Protocol):
    """A method or yardstick."""

    name: str

    def check(self, given: MethodInput) -> None:
        """Find out before anything is computed what would fail. Raises the engine's errors."""

    def outputs(self, given: MethodInput) -> Iterator[MethodOutput]:
        """One output for each variant. Raises the engine's errors."""


@dataclass(frozen=True)
class LabelTuned:
    """A pixel threshold and an image-level threshold of a map, found with image-level labels alone."""

    healthy_level: float
    threshold: float
    image_threshold: float


def tune_with_labels(maps: FloatArray, given: MethodInput) -> LabelTuned:
    """Threshold the maps [N, H, W] of the tuning slices as the engine calibrates its own.

    The pixel threshold is a quantile of healthy slices, its level the one whose masks tell unhealthy slices best;
    images are decided by the mean of the map's largest values.
    """
    tuning = given.tuning
    level = best_healthy_level(maps, tuning, given.minimum_size_px)
    limit, _ = best_threshold(map_statistic(maps, tuning.interior, given.top_pixels), tuning.unhealthy)
    return LabelTuned(level, healthy_threshold(maps, tuning, level), limit)


def masks_above(maps: FloatArray, threshold: float, given: MethodInput) -> BoolArray:
    """What of the measured slices' maps [N, H, W] is at or above the threshold inside the eroded head, without small
    components."""
    masks = np.asarray(maps >= threshold) & given.measured.interior
    return masks & ~small_components(masks, given.minimum_size_px)
