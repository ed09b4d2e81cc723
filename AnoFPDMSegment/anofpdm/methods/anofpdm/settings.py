"""What may be chosen after the forward process, without a rerun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...core.errors import SettingsError
from ...thresholds.settings import MinimumSize, Threshold
from .calibration import Consistency, Decision, Region

MapKind = Literal["aggregated", "last"]


@dataclass(frozen=True)
class SelectionSettings:
    """None everywhere means: as calibrated."""

    guidance: float | None = None
    threshold: Threshold | None = None
    decision: Decision | None = None
    decision_threshold: float | None = None
    """Overrides the calibrated image-level threshold of the decision in use."""
    ungated: bool = False
    """Show maps of slices decided healthy too."""
    map: MapKind = "aggregated"
    scaling: tuple[float, ...] | None = None
    """Overrides M_max, one value per used modality at the guidance strength in use."""
    region: Region | None = None
    minimum_size: MinimumSize | None = None
    consistency: Consistency | None = None
    """Whether maps and their statistics count alone or averaged over neighbouring pixels and slices."""

    def __post_init__(self) -> None:
        if self.guidance is not None and not 0 <= self.guidance <= 1000:
            raise SettingsError(f"The guidance strength must lie between 0 and 1000, not {self.guidance:g}.")
        if self.scaling is not None and not all(0 < value < float("inf") for value in self.scaling):
            raise SettingsError("The dataset-calibrated scaling must be positive.")
        limit = self.decision_threshold
        if limit is not None and not float("-inf") < limit < float("inf"):
            raise SettingsError("The image-level threshold must be a finite number.")
