"""Where a rendered head's points lie in its label map: pose, size and shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .head_map import HeadMap
from .plane_waves import Float32Array, PlaneWaves
from .slab import Slab

TILT_DEGREES = 8.0
ROLL_DEGREES = 4.0
TURN_DEGREES = 6.0
MOST_DEGREES = 20.0
SCALE = (0.88, 1.14)
ASPECT = 0.06
WARP_MM = 3.2
WARP_WAVELENGTH_MM = (32.0, 90.0)


@dataclass(frozen=True)
class Pose:
    """Maps millimetres of the rendered head to voxels of its label map.

    `matrix` [3, 3] and `offset` [3] in the order z, y, x; `warp`: one field an axis, in units of `warp_mm`.
    """

    matrix: Float32Array
    offset: Float32Array
    warp: tuple[PlaneWaves, PlaneWaves, PlaneWaves]
    warp_mm: float
    flipped: bool

    def coarse_index(self, slab: Slab, moved: Float32Array | None = None) -> Float32Array:
        """Label map indices [3, planes, h, w] of the slab's coarse grid.

        `moved`: millimetres [3, planes, h, w] (z, y, x) by which points come from elsewhere (mass effect).
        """
        z, across = slab.plane_z, slab.coarse_across
        points = np.stack(np.meshgrid(z, across, across, indexing="ij"))
        if moved is not None:
            points = points + moved
        index: Float32Array = np.einsum("ij,jzyx->izyx", self.matrix, points) + self.offset[:, None, None, None]
        for axis, waves in enumerate(self.warp):
            index[axis] += self.warp_mm * slab.coarse_field(waves, z)
        return index


def draw_pose(rng: np.random.Generator, head: HeadMap, *, centered_on_brain: bool) -> Pose:
    """Draw one: tilt, roll, turn, size and aspect, a smooth warp, flipped half of the time, a few mm off center."""
    tilt, roll, turn = np.deg2rad(
        rng.normal(0, (TILT_DEGREES, ROLL_DEGREES, TURN_DEGREES)).clip(-MOST_DEGREES, MOST_DEGREES)
    )
    scale = rng.uniform(*SCALE) * np.exp(rng.normal(0, ASPECT, 3))
    flipped = bool(rng.random() < 0.5)
    rotation = _about_x(tilt) @ _about_y(roll) @ _about_z(turn)
    signs = np.diag([1.0, 1.0, -1.0 if flipped else 1.0])
    matrix = (signs @ rotation @ np.diag(1 / scale)).astype(np.float32)
    center = head.brain_center.copy()
    if not centered_on_brain:
        center[1:] = head.head_center[1:]
    center[1:] += rng.normal(0, 3.0, 2).astype(np.float32)
    warp = tuple(PlaneWaves.random(rng, 12, WARP_WAVELENGTH_MM) for _ in range(3))
    return Pose(matrix, center, warp, WARP_MM * rng.uniform(0.2, 1.0), flipped)  # type: ignore[arg-type]


def _about_x(angle: float) -> Float32Array:
    """In the order z, y, x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)


def _about_y(angle: float) -> Float32Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)


def _about_z(angle: float) -> Float32Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]], np.float32)
