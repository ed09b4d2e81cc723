"""How a mass pushes what lies around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .plane_waves import Float32Array

REACH = 1.7
"""The push falls to a third at this many radii."""
ALONG_Z = 0.6


@dataclass(frozen=True)
class Push:
    """A mass's place (z, y, x mm), radius in mm, and strength: 0 displaces nothing, towards 1 more and more."""

    center: Float32Array
    radius: float
    strength: float


def moved(pushes: Sequence[Push], z: Float32Array, y: Float32Array, x: Float32Array) -> Float32Array:
    """Millimetres [3, z, y, x] from each point to where its tissue comes from: towards the masses' centers."""
    grids = np.meshgrid(z, y, x, indexing="ij")
    total = np.zeros((3, len(z), len(y), len(x)), np.float32)
    for push in pushes:
        offset = np.stack([grid - center for grid, center in zip(grids, push.center, strict=True)])
        distance = np.sum((offset / (REACH * push.radius)) ** 2, axis=0)
        total -= push.strength * np.exp(-distance) * offset * np.array([ALONG_Z, 1, 1], np.float32)[:, None, None, None]
    return total
