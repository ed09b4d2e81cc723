"""A calibrated way to run a model: its operating point with the values that belong to it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..worker.run_options import RunOptions

if TYPE_CHECKING:
    from ...methods.anofpdm.calibration import Calibration
    from ...methods.anofpdm.operating_point import OperatingPoint


@dataclass(frozen=True)
class Preset:
    """A calibration of the model, its own or the user's; or, without any, its operating point alone."""

    name: str
    """Empty for the operating point of a model that is not calibrated."""
    point: OperatingPoint
    calibration: Calibration | None

    @property
    def guidance_range(self) -> tuple[float, float]:
        """Smallest and largest guidance strength that the calibration covers; (0, 30) without one."""
        table = self.point.guidance_bank or (self.calibration.guidance if self.calibration else (0.0, 30.0))
        return table[0], table[-1]

    @property
    def guidance_bank(self) -> tuple[float, ...]:
        """The only guidance strengths there are, where the evidence is a bank; else empty."""
        return self.point.guidance_bank

    @property
    def guidance(self) -> float | None:
        """The calibrated guidance strength."""
        return self.calibration.default_guidance if self.calibration else None

    def scaling(self, guidance: float) -> tuple[float, ...]:
        """Dataset-calibrated scaling M_max at a guidance strength, one value per used modality.

        Empty without a calibration; raises SettingsError outside its table.
        """
        return self.calibration.at(guidance).largest_divergence if self.calibration else ()

    def apply(self, options: RunOptions) -> RunOptions:
        """The options with this preset; encoding and end step stay where they were chosen.

        The precision is left to the engine, which takes the one that the device computes fastest in if the model is
        calibrated for it.
        """
        named = (self.calibration.user_name or None) if self.calibration else options.calibration
        return dataclasses.replace(options, calibration=named, preset=self.name or None)

    def point_of(self, options: RunOptions) -> OperatingPoint:
        """How such a run is computed, its precision apart."""
        point = dataclasses.replace(self.point, encoding=options.chosen.get("encoding", self.point.encoding))
        end_step = options.chosen.get("end_step")
        if end_step is None:
            return point
        return dataclasses.replace(point, end_step=end_step if isinstance(end_step, int) else None)
