"""What a student is: its grid and its network. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

NEIGHBOURS = 1
"""Slices looked at on either side."""


@dataclass(frozen=True)
class StudentConfig:
    """Square slices of `matrix` pixels over `field_of_view_mm`; channels of the network at each level, finest first."""

    matrix: int = 128
    field_of_view_mm: float = 240.0
    widths: tuple[int, ...] = (32, 64, 128, 176)

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel in mm."""
        return self.field_of_view_mm / self.matrix

    @property
    def channels(self) -> int:
        """Of the input: the slice, what its neighbours differ by, and their distance."""
        return 2 * NEIGHBOURS + 2
