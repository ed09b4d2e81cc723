"""What may be chosen of a fused result without a rerun: how far it is believed, and AnoFPDM's settings for its part."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import SettingsError
from ...thresholds.settings import MinimumSize, Threshold
from ..anofpdm.calibration import Calibration, Consistency, Decision, Region
from ..anofpdm.knobs import overlaid as witness_overlaid
from ..anofpdm.settings import MapKind, SelectionSettings
from .model_config import LARGEST_WITNESS

JOINT = ("threshold", "witness", "minimum_size")
"""What is not AnoFPDM's."""
WITNESS_THRESHOLD = "witness_threshold"


@dataclass(frozen=True)
class FusedSettings:
    """None everywhere means: as calibrated. `guidance` and what follows are of AnoFPDM's part (`SelectionSettings`)."""

    threshold: float | None = None
    """Joint probability from which on a pixel is marked."""
    witness: float | None = None
    """By how much a finding of AnoFPDM raises the log odds; 0: not at all."""
    minimum_size: MinimumSize | None = None
    guidance: float | None = None
    witness_threshold: Threshold | None = None
    """`threshold` there."""
    decision: Decision | None = None
    decision_threshold: float | None = None
    ungated: bool = False
    map: MapKind = "aggregated"
    scaling: tuple[float, ...] | None = None
    """Given alone, it takes AnoFPDM's threshold to the dynamic one, on which alone it acts."""
    region: Region | None = None
    consistency: Consistency | None = None

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SettingsError(f"The joint probability's threshold must lie between 0 and 1, not {self.threshold:g}.")
        if self.witness is not None and not 0 <= self.witness <= LARGEST_WITNESS:
            raise SettingsError(f"The witness counts from 0 to {LARGEST_WITNESS:g}, not {self.witness:g}.")
        self.of_witness  # noqa: B018 - its values are checked as they are made

    @property
    def of_witness(self) -> SelectionSettings:
        """AnoFPDM's part. Raises SettingsError."""
        given = {name: value for name, value in _fields(self).items() if name not in JOINT}
        threshold = given.pop(WITNESS_THRESHOLD)
        if threshold is None and self.scaling is not None:
            threshold = Threshold("dynamic")
        return SelectionSettings(**given, threshold=threshold)


def overlaid(before: FusedSettings, given: Mapping[str, Any], calibration: Calibration | None) -> FusedSettings:
    """The settings `before` with values of live knobs put over them. Raises SettingsError."""
    joint = {name: value for name, value in given.items() if name in JOINT}
    own = {"threshold" if name == WITNESS_THRESHOLD else name: v for name, v in given.items() if name not in JOINT}
    if own:
        base = dataclasses.replace(before.of_witness, threshold=before.witness_threshold)
        after = _fields(witness_overlaid(base, own, calibration))
        after.pop("minimum_size")
        joint |= {WITNESS_THRESHOLD: after.pop("threshold"), **after}
    return dataclasses.replace(before, **joint)


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
