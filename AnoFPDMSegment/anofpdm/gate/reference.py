"""What a volume is held against: statistics of the volumes that a model was calibrated on. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.records import require


@dataclass(frozen=True)
class Group:
    """Measures that are looked at together: the distance of (x - center) / scale under their correlation.

    A measure that a volume lacks does not count. Distances are in units of `limit`, the border of what the calibration
    volumes show; red from `red` on, None: never.
    """

    name: str
    measures: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    correlation: tuple[tuple[float, ...], ...]
    limit: float
    red: float | None

    def __post_init__(self) -> None:
        """Raises ModelError."""
        n = len(self.measures)
        require(
            len(self.center) == len(self.scale) == len(self.correlation) == n > 0
            and all(len(row) == n for row in self.correlation)
            and all(value > 0 for value in self.scale)
            and self.limit > 0,
            f"the gate's group '{self.name}' does not fit together",
        )


@dataclass(frozen=True)
class Rule:
    """A weighted sum of measures that tells the calibration volumes (positive) from others (negative).

    `center`, `scale`: of each measure. `sure` is the sum that nearly all calibration volumes reach: with s the sum the
    distance is 1 at `sure` and `red` at the sum `foreign`, linear between and beyond.
    """

    name: str
    measures: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    offset: float
    sure: float
    foreign: float

    def __post_init__(self) -> None:
        """Raises ModelError."""
        n = len(self.measures)
        fits = len(self.center) == len(self.scale) == len(self.weights) == n > 0
        require(fits and self.foreign < self.sure, f"the gate's rule '{self.name}' does not fit together")


RED_OF_RULE = 2.0


@dataclass(frozen=True)
class Span:
    """A measure with a lowest and a highest usual value; half as far again beyond them, in `slack`, is red."""

    name: str
    measure: str
    low: float
    high: float
    slack: float
    """How far beyond is red; infinite is not allowed: a span that is never red has `red` False."""
    red: bool = False


@dataclass(frozen=True)
class GateReference:
    """`volumes`: how many it was made from; `source`: which, in words. `calibration_sha256`: of the calibration that
    own measures and `healthy` were taken with."""

    source: str
    volumes: int
    groups: tuple[Group, ...]
    rules: tuple[Rule, ...]
    spans: tuple[Span, ...]
    calibration_sha256: str = ""
    healthy: tuple[float, ...] = ()
    """See `opinion.GateOpinion`."""
