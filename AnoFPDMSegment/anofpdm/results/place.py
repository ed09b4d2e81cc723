"""Where in the head a finding lies, in words: the patient's side, and the third of the head's height."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray
from ..volumes.preparation import MINIMUM_LEVEL_EXTENT_MM
from ..volumes.stack_grid import StackGrid
from .components import Component

_THIRDS = ("lower third", "middle third", "upper third")
_TO_LPS = (-1.0, -1.0, 1.0)


def place_in_words(component: Component, head: BoolArray, grid: StackGrid) -> str | None:
    """Such as `left, upper third`: of the head as far as the stack shows it; None if nothing can be said.

    `head`: [S, H, W] on `grid`. In a slab too thin to tell, and where left and right are not known, the other half is
    left out.
    """
    said: list[str] = [] if component.side is None else [component.side]
    shown = np.flatnonzero(head.any(axis=(1, 2)))
    height = len(shown) and int(shown[-1] - shown[0])
    if height * grid.slice_spacing_mm >= MINIMUM_LEVEL_EXTENT_MM:
        level = float(grid.to_index(np.multiply(component.centroid_ras_mm, _TO_LPS))[2])
        said.append(_THIRDS[int(np.clip((level - shown[0]) / height * 3, 0, 2))])
    return ", ".join(said) or None
