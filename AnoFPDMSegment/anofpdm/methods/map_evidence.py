"""What a method keeps whose answer is one map of a volume, cut at a threshold. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.array_archive import misshapen, missing
from ..core.arrays import BoolArray, FloatArray
from ..core.errors import EvidenceError, SettingsError
from ..thresholds.postprocessing import small_components
from ..thresholds.settings import MinimumSize
from ..volumes.score_volume import BELOW_BORDER, LARGEST_SCORE
from .knobs import CALIBRATED, Knob, number
from .method import Decision

MAP = "map"


@dataclass(frozen=True)
class MapEvidence:
    """`map` [N, 1, H, W] of the N examined slices, never negative; `others`: further maps of that shape, by name."""

    map: FloatArray
    others: Mapping[str, FloatArray] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    """How they were made, as JSON can hold it; the method's own."""

    def __post_init__(self) -> None:
        """Raises EvidenceError."""
        for name, values in self.arrays.items():
            if values.ndim != 4 or values.shape != self.map.shape:
                raise misshapen(name, values.shape, self.map.shape)
            if not (np.issubdtype(values.dtype, np.floating) and np.isfinite(values).all() and (values >= 0).all()):
                raise EvidenceError(f"The evidence's '{name}' holds values that cannot be; detect again.")

    def __len__(self) -> int:
        return len(self.map)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, 1, H, W)."""
        n, c, h, w = self.map.shape
        return n, c, h, w

    @property
    def arrays(self) -> dict[str, FloatArray]:
        """All maps by name."""
        return {MAP: self.map, **self.others}

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray], others: tuple[str, ...] = ()) -> MapEvidence:
        """Of its arrays. Raises EvidenceError."""
        for name in (MAP, *others):
            if name not in arrays:
                raise missing(name)
        return cls(arrays[MAP], {name: arrays[name] for name in others})


@dataclass(frozen=True)
class MapSettings:
    """None everywhere means: as calibrated."""

    threshold: float | None = None
    """Of the map: what reaches it is marked."""
    minimum_size: MinimumSize | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < float("inf"):
            raise SettingsError(f"The threshold of a map must be positive, not {self.threshold:g}.")


def _value(text: str, option: str) -> float:
    return number(text.removeprefix("value="), option)


def _size(text: str, option: str) -> MinimumSize:
    return MinimumSize.parse(text)


MAP_KNOBS = (
    Knob(
        "threshold",
        "value of the map from which on a pixel is marked: V or value=V",
        live=True,
        metavar="V",
        read=_value,
        usual=CALIBRATED,
        title="Threshold",
        form="threshold",
        told=True,
    ),
    Knob(
        "minimum_size",
        "smallest component kept: 40px (per slice) or 500mm3",
        live=True,
        option="min-size",
        metavar="SIZE",
        read=_size,
        usual=CALIBRATED,
        title="Minimum size",
        form="size",
        advanced=True,
    ),
)


@dataclass(frozen=True)
class MapAnswer:
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


def answer(evidence: MapEvidence, accepted: BoolArray, threshold: float, minimum_size: MinimumSize) -> MapAnswer:
    """Cut the map; `accepted` [N, H, W]: where a finding may be."""
    with np.errstate(over="ignore"):
        score = np.asarray(np.minimum(evidence.map[:, 0] / np.float32(threshold), LARGEST_SCORE), dtype=np.float32)
    if minimum_size.pixels:
        removed = small_components(np.logical_and(score >= 1, accepted), minimum_size.pixels)
        score = np.where(removed, np.float32(BELOW_BORDER), score)
    return MapAnswer(score, accepted, threshold, minimum_size)
