"""What a student is: its grid, its network, its calibration. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import ModelError
from ..map_method import MapCalibration

NEIGHBOURS = 1
"""Slices looked at on either side."""
LEVELS = range(2, 7)


@dataclass(frozen=True)
class StudentConfig:
    """Square slices of `matrix` pixels over `field_of_view_mm`; channels of the network at each level, finest first."""

    matrix: int = 128
    field_of_view_mm: float = 240.0
    widths: tuple[int, ...] = (32, 64, 128, 176)

    def __post_init__(self) -> None:
        """Raises ModelError."""
        if len(self.widths) not in LEVELS or not all(4 <= width <= 1024 for width in self.widths):
            raise ModelError("A student's widths are two to six numbers from 4 to 1024.")
        if not 16 <= self.matrix <= 512 or self.matrix % 2 ** len(self.widths):
            raise ModelError(f"A student of {len(self.widths)} levels cannot have a matrix of {self.matrix}.")
        if not 100 <= self.field_of_view_mm <= 500:
            raise ModelError("A student's field of view lies between 100 and 500 mm.")

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel in mm."""
        return self.field_of_view_mm / self.matrix

    @property
    def channels(self) -> int:
        """Of the input: the slice, what its neighbours differ by, and their distance."""
        return 2 * NEIGHBOURS + 2


@dataclass(frozen=True, kw_only=True)
class StudentCalibration(MapCalibration):
    """A logit l becomes the probability sigmoid((l + bias) / temperature); lesions lie above `threshold`."""

    temperature: float = 1.0
    bias: float = 0.0
    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Raises ModelError."""
        if not (0.05 <= self.temperature <= 20 and -20 <= self.bias <= 20 and 0 < self.threshold < 1):
            raise ModelError("A student's calibration is out of range; install the student again.")
        super().__post_init__()
