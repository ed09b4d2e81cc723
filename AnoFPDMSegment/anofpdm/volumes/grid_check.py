"""Which grids may be a head's, asked before the first value of an image is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import InputError

SHORTEST_AXIS_VOXELS = 16
"""At least two axes have this many voxels."""
SMALLEST_HEAD_MM = 40.0
"""At least two axes are this long."""
LARGEST_IMAGE_MM = 1000.0
"""No axis is longer."""
SMALLEST_VOXEL_MM = 0.1
"""No axis has a finer spacing; what is done within a number of millimetres would take for ever."""

GridCheck = Callable[[Sequence[int], Any], None]
"""Told the size (i, j, k) and the spacing in mm; raises InputError for a grid that is not wanted."""


def any_grid(size: Sequence[int], spacing: Any) -> None:
    """Every grid is wanted."""


def head_grid(called: str) -> GridCheck:
    """Only what a head fits on is wanted; `called` begins the sentences."""

    def check(size: Sequence[int], spacing: Any) -> None:
        sides, steps = np.asarray(size), np.asarray(spacing, dtype=np.float64)
        if np.sort(sides)[1] < SHORTEST_AXIS_VOXELS:
            raise InputError(f"{called} has too few voxels to show a head; check that the right image was given.")
        # Before anything is multiplied, which may overflow.
        extent = sides * np.minimum(steps, 2 * LARGEST_IMAGE_MM)
        small = steps.min() < SMALLEST_VOXEL_MM or np.sort(extent)[1] < SMALLEST_HEAD_MM
        if small or extent.max() > LARGEST_IMAGE_MM:
            raise InputError(f"{called} does not have the size of a head; is the spacing in millimetres?")

    return check
