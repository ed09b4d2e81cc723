"""The form of `findings.json`, version 2: the reader's check and the JSON Schema follow from these records.

The meaning of every field stands in Resources/findings-schema.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..gate.opinion import Gate, GateCheck
from ..methods.method import Decision
from .components import Component
from .segmentation import SEGMENT_NAME

SCHEMA = "anofpdm-findings"
VERSION = 2


@dataclass(frozen=True)
class InputRecord:
    """What was examined."""

    files: Mapping[str, str]
    skull_stripped: bool | None
    midline_ras_r_mm: float


@dataclass(frozen=True)
class GeometryRecord:
    """The voxel grid of heatmap and segmentations."""

    size_ijk: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_ras_mm: tuple[float, float, float]
    axes_ras: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class Segment:
    """A named segment, and the file and label under which its voxels lie."""

    name: str
    file: str
    label: int
    volume_ml: float


@dataclass(frozen=True)
class SliceFinding:
    """What is known about one slice of the stack. Raises ValueError if it contradicts itself."""

    index: int
    """From 0, inferior to superior."""
    level_ras_s_mm: float
    """Superior coordinate of the slice's center."""
    relative_level: float | None
    """0 at the lowest, 1 at the highest slice with head; None where undefined."""
    examined: bool
    not_examined_reason: str = ""
    decision: Decision | None = None
    """None for slices not examined, and where the run used no image-level decision."""
    threshold: float | None = None
    """Of the map; the score is the map divided by it."""
    area_mm2: float = 0.0
    """Area of the mask in this slice, averaged over its thickness."""
    method: Mapping[str, Any] = field(default_factory=dict)
    """What the method alone knows of an examined slice: a record of its `slice_facts_type`."""

    def __post_init__(self) -> None:
        if self.decision is not None and not self.examined:
            raise ValueError(f"slice {self.index}: a slice that was not examined has no decision")
        if self.examined == bool(self.not_examined_reason):
            raise ValueError(f"slice {self.index}: exactly the slices not examined have a reason")


@dataclass(frozen=True)
class ComponentFinding(Component):
    """A component with what else is known about it."""

    segment: str = SEGMENT_NAME
    """Name of the segment it belongs to."""
    place: str | None = None
    """In words."""
    confidence: float | None = None
    """Share of healthy heads that show no region as strong; None where nobody measured it."""
    probability: float | None = None
    """Mean calibrated probability of a lesion inside it; None if the method yields none."""


@dataclass(frozen=True)
class Totals:
    """Counts of the lists."""

    slices: int
    slices_examined: int
    slices_not_examined: int
    slices_unhealthy: int
    slices_healthy: int
    components: int
    volume_ml: float


@dataclass(frozen=True)
class ModelRecord:
    """Which model made the findings."""

    name: str
    version: str
    title: str
    licence: str
    weights_sha256: str
    calibration: str | None
    """Name of the calibration used; None if the run used none."""


@dataclass(frozen=True)
class MethodRecord:
    """Which method made the findings, and what it alone knows of the volume."""

    name: str
    title: str
    facts: Mapping[str, Any]
    """A record of its `volume_facts_type`."""


@dataclass(frozen=True)
class Findings:
    """The document. Raises ValueError if its parts contradict one another."""

    schema: Literal["anofpdm-findings"]
    version: Literal[2]
    statement: str
    created: str
    summary: str
    gate: Gate | None
    gate_checks: tuple[GateCheck, ...]
    withheld: bool
    identifiers: Mapping[str, str] | None
    input: InputRecord
    geometry: GeometryRecord
    segments: tuple[Segment, ...]
    slices: tuple[SliceFinding, ...]
    components: tuple[ComponentFinding, ...]
    totals: Totals
    model: ModelRecord
    method: MethodRecord
    parameters: Mapping[str, Any]
    warnings: tuple[str, ...]
    software: Mapping[str, str]
    seed: int | None
    device: str
    run_time_s: float

    def __post_init__(self) -> None:
        counts = slice_totals(self.slices) | {"components": len(self.components)}
        if self.withheld and (self.gate != "red" or self.components):
            raise ValueError("only what a red gate withholds is withheld, and then no component is listed")
        for name, count in counts.items():
            if getattr(self.totals, name) != count:
                raise ValueError(f"totals.{name} does not fit the lists")
        names = [segment.name for segment in self.segments]
        for entry in self.components:
            if entry.segment not in names:
                raise ValueError(f"component {entry.number} belongs to no segment of the list")
            first, last = entry.slice_range
            if not 0 <= first <= last < self.totals.slices:
                raise ValueError(f"component {entry.number} has no range of the slices")


def slice_totals(slices: Sequence[SliceFinding]) -> dict[str, int]:
    """The slice counts of `Totals`."""
    examined = sum(1 for entry in slices if entry.examined)
    return {
        "slices": len(slices),
        "slices_examined": examined,
        "slices_not_examined": len(slices) - examined,
        "slices_unhealthy": sum(1 for entry in slices if entry.decision == "unhealthy"),
        "slices_healthy": sum(1 for entry in slices if entry.decision == "healthy"),
    }
