"""Slices of a head drawn from a few ellipsoids: enough of a picture for a network to be timed on. Torch-free."""

from __future__ import annotations

import numpy as np

from ....synthetic.plane_waves import Float32Array, PlaneWaves

EDGE_MM = 2.0
NOISE = 0.02
# Half axes in mm along x, y and z, and intensity; each lies on the one before: scalp, bone, fluid, brain, ventricles.
_SHELLS = (
    ((78.0, 97.0, 82.0), 0.9),
    ((73.0, 92.0, 77.0), 0.1),
    ((67.0, 86.0, 71.0), 0.12),
    ((65.0, 84.0, 69.0), 0.45),
)
_VENTRICLE_X, _VENTRICLE, _FLUID = 9.0, (6.0, 30.0, 12.0), 0.1
_FOLDING_MM = (16.0, 26.0)


def draw_head_slices(matrix: int, pixel_mm: float, height_mm: Float32Array, seed: int) -> Float32Array:
    """Axial slices [len(height_mm), matrix, matrix] at these heights above the head's middle; 0 to about 1."""
    rng = np.random.default_rng(seed)
    across = ((np.arange(matrix) - (matrix - 1) / 2) * pixel_mm).astype(np.float32)
    z, y, x = np.meshgrid(height_mm, across, across, indexing="ij")
    folds = PlaneWaves.random(rng, 64, _FOLDING_MM).on_grid(across, across, height_mm, np.eye(3, dtype=np.float32))
    image = np.zeros(x.shape, np.float32)
    edge = max(EDGE_MM, pixel_mm)
    for half_axes, level in _SHELLS:
        _put(image, level, _depth(x, y, z, half_axes), edge)
    brain = _depth(x, y, z, _SHELLS[-1][0])
    cortex = np.exp(-((brain / 14) ** 2)) * (brain > 0)
    image += cortex * np.clip(0.12 - 0.25 * np.exp(-((folds / 0.35) ** 2)), -0.3, 0.12)
    _put(image, _FLUID, _depth(np.abs(x) - np.float32(_VENTRICLE_X), y, z, _VENTRICLE), edge)
    noise = NOISE * rng.standard_normal((2, *image.shape), np.float32)
    return np.asarray(np.hypot(image + noise[0], noise[1]), np.float32)


def _depth(x: Float32Array, y: Float32Array, z: Float32Array, half_axes: tuple[float, float, float]) -> Float32Array:
    """About the millimetres inside an ellipsoid's border."""
    radius = np.sqrt(sum((axis / half) ** 2 for axis, half in zip((x, y, z), half_axes, strict=True)))
    return np.asarray((1 - radius) * min(half_axes), np.float32)


def _put(image: Float32Array, level: float, depth: Float32Array, edge: float) -> None:
    image += np.clip(depth / edge + 0.5, 0, 1) * (level - image)
