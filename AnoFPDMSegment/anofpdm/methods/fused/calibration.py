"""What a fused result was calibrated with. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from ..anofpdm.calibration import Calibration
from .model_config import Fusion


@dataclass(frozen=True)
class FusedCalibration:
    """`witness`: the calibration of AnoFPDM's part, None without one."""

    fusion: Fusion
    witness: Calibration | None = None
