"""The smallest box that holds a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice, slice]
"""Of an array [k, j, i]."""


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """The smallest box that holds the mask's voxels; a single voxel where there are none."""
    box = []
    for axis in range(3):
        occupied = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1) if occupied.size else slice(0, 1))
    return box[0], box[1], box[2]


def grown(box: Box, margin: int, shape: Sequence[Any]) -> Box:
    """The box with `margin` more on either side, as far as the array's `shape` goes."""
    k, j, i = (
        slice(max(part.start - margin, 0), min(part.stop + margin, int(size)))
        for part, size in zip(box, shape, strict=True)
    )
    return k, j, i
