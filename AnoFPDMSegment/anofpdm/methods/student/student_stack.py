"""A volume as the student sees it: a stack of standardised axial slices. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ...core.arrays import BoolArray, FloatArray
from ...volumes.head import find_head
from ...volumes.preprocessing import remove_background_offset
from ...volumes.resampling import sample_stack
from ...volumes.stack_grid import StackGrid, plan_stack
from ...volumes.standardise import standardise
from .config import StudentConfig
from .model_config import grid_of


@dataclass(frozen=True)
class StudentStack:
    """`slices` [S, H, W] float32, typical tissue 1; `head` [S, H, W]; on `grid`."""

    slices: FloatArray
    head: BoolArray
    grid: StackGrid
    skull_stripped: bool
    warnings: tuple[str, ...]


def student_stack(image: sitk.Image, config: StudentConfig, name: str = "flair") -> StudentStack:
    """Bring a checked volume onto the student's slices. Raises InputError if it shows no head."""
    finding = find_head(image, name)
    grid = plan_stack(image, finding.mask, grid_of(config))
    shifted, warnings = remove_background_offset(image, finding, name)
    head = sample_stack(sitk.Cast(finding.mask, sitk.sitkFloat32), grid, slab_average=True) >= 0.5
    return StudentStack(
        slices=standardise(sample_stack(shifted, grid, slab_average=True)),
        head=np.asarray(head, dtype=bool),
        grid=grid,
        skull_stripped=finding.skull_stripped,
        warnings=tuple(warnings),
    )
