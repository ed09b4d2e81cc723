"""One examined volume: its evidence, where it lies in the patient, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.arrays import BoolArray, ByteArray, FloatArray
from ..core.errors import EvidenceError
from ..volumes.geometry import VolumeGeometry
from ..volumes.stack_grid import StackGrid

if TYPE_CHECKING:
    from ..gate.opinion import GateOpinion
    from ..store.model_config import ModelConfig


@dataclass(frozen=True)
class ModelIdentity:
    """Which model made the evidence, and what may be done with its results."""

    name: str
    version: str
    title: str
    licence: str
    citation: str
    weights_sha256: str
    used: tuple[str, ...]
    """The modalities whose maps are used, in the order of the evidence's channels."""
    minimum_size_px: int

    @classmethod
    def of(cls, config: ModelConfig, weights_sha256: str) -> ModelIdentity:
        """Of a model's configuration and the SHA-256 of its weights."""
        return cls(
            name=config.name,
            version=config.version,
            title=config.title,
            licence=config.licence,
            citation=config.citation,
            weights_sha256=weights_sha256,
            used=config.used,
            minimum_size_px=config.minimum_size_px,
        )


@dataclass(frozen=True)
class RunRecord:
    """How the evidence was computed."""

    files: tuple[tuple[str, str], ...]
    """(modality, base name of the file or folder); no other part of the path is kept."""
    seed: int
    device: str
    run_time_s: float
    software: tuple[tuple[str, str], ...]
    """(package, version)."""
    batch_size: int
    network_evaluations: int
    """Evaluations of the network a slice."""


@dataclass(frozen=True)
class CaseEvidence:
    """Everything that heatmap, segmentation and findings are built from, without the network.

    S slices on `grid`, N of them examined; H x W model pixels.
    """

    method: str
    """Name of the method."""
    evidence: Any
    """The method's own (`methods.method.Evidence`), of the N examined slices, inferior to superior."""
    geometry: VolumeGeometry
    """The input's grid, on which results return."""
    grid: StackGrid
    examined: BoolArray
    """[S]."""
    not_examined_reason: tuple[str, ...]
    """[S]; empty where examined."""
    head: BoolArray
    """[S, H, W]."""
    interior: BoolArray
    """[S, H, W]: the eroded head."""
    level: FloatArray
    """[S]: relative level, NaN where undefined."""
    display: ByteArray
    """[S, h, w]: the first used modality for pictures, same field of view as `grid`."""
    skull_stripped: bool
    warnings: tuple[str, ...]
    model: ModelIdentity
    calibration: Any
    """The method's own; None without one."""
    run: RunRecord
    settings: Any
    """What was chosen for the result beside this evidence, as the method records it; an adjustment starts from it."""
    request: str | None = None
    """A digest of what a table's run asked for, so that it can tell a finished case."""
    side_known: bool = True
    """Whether the input told the patient's left from right without contradicting itself."""
    gate: GateOpinion | None = None
    """Whether the model knows such images; None where it brings no reference to tell by."""
    forced: bool = False
    """Results are wanted even if the gate is red."""

    @property
    def withheld(self) -> bool:
        """Whether what was found is not to be shown."""
        return self.gate is not None and self.gate.state == "red" and not self.forced

    @property
    def gate_words(self) -> str:
        """For files and names: such as `gate amber`, or `gate red, withheld`; `gate unknown` where nothing tells."""
        state = "unknown" if self.gate is None else self.gate.state
        return f"gate {state}{', withheld' if self.withheld else ''}"

    def __post_init__(self) -> None:
        width, height, count = self.grid.size
        stack = (count, height, width)
        sound = (
            self.examined.shape == (count,)
            and len(self.not_examined_reason) == count
            and self.head.shape == stack
            and self.interior.shape == stack
            and self.level.shape == (count,)
            and self.display.ndim == 3
            and len(self.display) == count
            and min(self.display.shape) > 0
            and len(self.evidence) > 0
            and bool(self.head.any())
            and int(self.examined.sum()) == len(self.evidence)
            and self.evidence.shape[1] in (1, len(self.model.used))
            and self.evidence.shape[2:] == (height, width)
        )
        if not sound:
            raise EvidenceError("The parts of the evidence do not fit one another; detect again.")
