"""What `config.json` records of a student. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ...core.records import require
from ...store.model_config import ModelConfig
from ...volumes.input_config import GridConfig, PreprocessingConfig
from .config import StudentCalibration, StudentConfig

NAME = "student"
Contrast = Literal["flair", "any"]
SMALLEST_HEAD_MM2 = 500.0


@dataclass(frozen=True, kw_only=True)
class StudentModelConfig(ModelConfig):
    """The whole of such a `config.json`."""

    method: str = NAME
    minimum_size_px: int = 0
    contrast: Contrast = "flair"
    """`flair`, or `any`: a single image of any contrast."""
    network: StudentConfig = field(default_factory=StudentConfig)
    calibration: StudentCalibration = field(default_factory=StudentCalibration)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.modalities) == 1, "a student looks at one image")
        same = (self.grid.matrix, self.grid.field_of_view_mm) == (self.network.matrix, self.network.field_of_view_mm)
        require(same, "the grid must be the network's")


def grid_of(network: StudentConfig) -> GridConfig:
    """The acquired slices, as the network takes them."""
    return GridConfig(network.field_of_view_mm, network.matrix)


PREPROCESSING = PreprocessingConfig(anatomy="both", minimum_head_mm2=SMALLEST_HEAD_MM2)
"""Whole heads or stripped ones; what it does to intensities is not used (see `standardise`)."""
