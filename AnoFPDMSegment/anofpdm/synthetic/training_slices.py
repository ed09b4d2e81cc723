"""Synthetic slices with image-level labels, for training and for calibration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import BoolArray
from .phantom import centered_axis, draw_head, draw_lesions, random_streams, render
from .plane_waves import Float32Array

HEIGHTS_MM = (-66.0, 72.0)
"""The heights at which lesion-free slices are taken, skull base to vertex."""
MINIMUM_LESION_MM2 = 100.0
"""Slices that only graze a lesion are left out: their label would be a matter of taste."""
MATCHED = 0.75
"""The share of lesion-free slices that lie at the height of a lesion slice."""
TRIES = 12


class PhantomSlices(NamedTuple):
    """Slices of many heads; the heights of both labels overlap, so that height does not give the label away."""

    images: Float32Array
    """[N, H, W], arbitrary units, not negative."""
    labels: BoolArray
    """[N], True where the slice shows a lesion."""
    lesions: BoolArray
    """[N, H, W], for evaluation only."""
    heights_mm: Float32Array
    """[N], above the middle of the head, before its own tilt."""


def _lesion_slice(
    seed: int, axis: Float32Array, height_rng: np.random.Generator
) -> tuple[Float32Array, BoolArray, float] | None:
    """A slice through a lesion of head `seed`; None if none of the tries shows enough of it."""
    head_rng, lesion_rng, noise_rng = random_streams(seed)
    head = draw_head(head_rng)
    lesions = draw_lesions(lesion_rng, head)
    lesion = lesions[0]
    middle = float((head.rotation.T @ lesion.center)[2] + head.offset[2])
    heights = middle + height_rng.uniform(-1, 1, size=TRIES) * float(lesion.half_axes[2])
    pixel_area = float(axis[1] - axis[0]) ** 2
    for height in heights:
        volume = render(head, lesions, axis, axis, np.array([height], np.float32), noise_rng)
        if float(volume.lesion.sum()) * pixel_area >= MINIMUM_LESION_MM2:
            return volume.image[0], volume.lesion[0], float(height)
    return None


def phantom_slices(seed: int, count: int, *, matrix: int = 64, field_of_view_mm: float = 240.0) -> PhantomSlices:
    """`count` axial slices, every second one with a lesion, each of a head of its own.

    Lesion-free slices come from lesion-free heads: three quarters at the height of the lesion
    slice before them, the rest anywhere from skull base to vertex.
    """
    if count < 2 or count % 2:
        raise ValueError(f"count must be even and at least 2, not {count}")
    axis = centered_axis(matrix, field_of_view_mm / matrix)
    seeds = iter(np.random.SeedSequence([seed, 1]).generate_state(4 * count, np.uint64))
    rng = np.random.default_rng([seed, 2])
    images = np.empty((count, matrix, matrix), np.float32)
    lesions = np.zeros((count, matrix, matrix), np.bool_)
    heights = np.empty(count, np.float32)
    for n in range(0, count, 2):
        found = None
        while found is None:
            found = _lesion_slice(int(next(seeds)), axis, rng)
        images[n], lesions[n], height = found
        heights[n] = height
        if rng.random() >= MATCHED:
            height = rng.uniform(*HEIGHTS_MM)
        head_rng, _, noise_rng = random_streams(int(next(seeds)))
        healthy = render(draw_head(head_rng), [], axis, axis, np.array([height], np.float32), noise_rng)
        images[n + 1] = healthy.image[0]
        heights[n + 1] = height
    labels = np.arange(count) % 2 == 0
    return PhantomSlices(images, labels, lesions, heights)
