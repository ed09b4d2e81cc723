"""The form of `follow-up.json`, version 1: the reader's check and the JSON Schema follow from these records.

The meaning of every field stands in Resources/follow-up-schema.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..results.components import Point
from ..results.findings_record import GeometryRecord, ModelRecord
from .changes import Kind, Reason, SeenBy, Trend

SCHEMA: Literal["anofpdm-follow-up"] = "anofpdm-follow-up"
VERSION: Literal[1] = 1

Row4 = tuple[float, float, float, float]


@dataclass(frozen=True)
class DateRecord:
    """One of the two examinations: what of its findings document tells it from others."""

    files: Mapping[str, str]
    summary: str
    findings: int
    volume_ml: float
    model: ModelRecord
    method: str


@dataclass(frozen=True)
class RegistrationRecord:
    """How the two dates were laid over each other."""

    baseline_to_later_ras: tuple[Row4, Row4, Row4, Row4]
    rotation_degrees: tuple[float, float, float]
    shift_mm: float
    likeness: float
    reach_mm: float


@dataclass(frozen=True)
class ChangeRecord:
    """What became of findings that belong together. Raises ValueError if it contradicts itself."""

    number: int
    kind: Kind
    trend: Trend | None
    reason: Reason
    seen_by: SeenBy
    place: str | None
    baseline_findings: tuple[int, ...]
    later_findings: tuple[int, ...]
    baseline_ml: float
    later_ml: float
    change_ml: float
    change_percent: float | None
    tolerance_ml: float
    center_ras_mm: Point
    center_later_ras_mm: Point

    def __post_init__(self) -> None:
        by_images = self.seen_by == "images"
        if not self.baseline_findings and not self.later_findings and not by_images:
            raise ValueError(f"change {self.number} has no findings")
        if (self.kind == "uncertain") != bool(self.reason):
            raise ValueError(f"change {self.number}: exactly what is uncertain has a reason")
        if by_images and self.kind == "uncertain":
            raise ValueError(f"change {self.number}: what the images tell is not uncertain")
        shown = {
            "new": self.later_ml if by_images else self.later_findings,
            "gone": self.baseline_ml if by_images else self.baseline_findings,
        }
        if not shown.get(self.kind, True):
            raise ValueError(f"change {self.number}: what is {self.kind} is there at the date that shows it")


@dataclass(frozen=True)
class KindTotal:
    """The changes of one kind."""

    count: int
    baseline_ml: float
    later_ml: float


@dataclass(frozen=True)
class ChangeSegment:
    """A segment of the change segmentation: the findings of both dates whose changes are of one kind."""

    kind: Kind
    name: str
    file: str
    label: int


@dataclass(frozen=True)
class FollowUpRecord:
    """The document. Raises ValueError if its parts contradict one another."""

    schema: Literal["anofpdm-follow-up"]
    version: Literal[1]
    statement: str
    created: str
    summary: str
    baseline: DateRecord
    later: DateRecord
    geometry: GeometryRecord
    registration: RegistrationRecord
    changes: tuple[ChangeRecord, ...]
    totals: Mapping[str, KindTotal]
    segments: tuple[ChangeSegment, ...]
    warnings: tuple[str, ...]
    software: Mapping[str, str]

    def __post_init__(self) -> None:
        for kind, total in self.totals.items():
            if total.count != sum(1 for change in self.changes if change.kind == kind):
                raise ValueError(f"totals.{kind} does not fit the changes")
        if sum(total.count for total in self.totals.values()) != len(self.changes):
            raise ValueError("totals do not fit the changes")
        for name in ("baseline", "later"):
            numbers = sorted(n for change in self.changes for n in getattr(change, f"{name}_findings"))
            if numbers != list(range(1, getattr(self, name).findings + 1)):
                raise ValueError(f"the changes do not hold every finding of {name} once")
