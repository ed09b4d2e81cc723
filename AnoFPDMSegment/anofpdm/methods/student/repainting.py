"""The third test of a pseudo-mask: painted over with what should be there, the slice must look healthy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ...core.arrays import BoolArray
from ...core.progress import CancelToken
from ...synthetic.acquisition import blur
from .config import StudentConfig
from .predictor import StudentPredictor
from .pseudo_masks import Target
from .real_volumes import UNHEALTHY, RealVolume, largest_values
from .teacher_maps import healthier_by

AROUND_PX = 2
"""The mask is widened by this before it is painted over: its border is half lesion."""
SURROUNDINGS_MM = 12.0

Floats = npt.NDArray[np.float32]


def keep_what_explains(
    volume: RealVolume,
    target: Target,
    predictor: StudentPredictor,
    config: StudentConfig,
    teacher: Path | None,
    cancel: CancelToken | None = None,
) -> tuple[Target, int, int]:
    """Paint each unhealthy slice's mask over and let the student decide again.

    Where the slice still looks unhealthy (the mean of its largest probabilities reaches the threshold) the mask is not
    all there is to it: then it says nothing about the pixels outside. Returns the target, how many slices were tested
    and how many masks explain theirs. `teacher`: the folder of the volume's result, whose healthy prediction is
    painted; None: the surroundings are.
    """
    mask = target.mask >= 128
    tested = (volume.labels == UNHEALTHY) & mask.any(axis=(1, 2))
    if not tested.any():
        return target, 0, 0
    slices = volume.slices.astype(np.float32)
    wide = _widened(mask)
    filled = surroundings(slices, wide, config) if teacher is None else slices + healthier_by(teacher, volume)
    painted = np.where(wide, np.clip(filled, 0, None), slices).astype(np.float32)
    after = largest_values(predictor.predict(painted, volume.spacing_mm, cancel).inside)
    unexplained = tested & (after >= predictor.calibration.threshold)
    weight = target.weight.copy()
    weight[unexplained[:, None, None] & ~wide] = 0
    return replace(target, weight=weight), int(tested.sum()), int((tested & ~unexplained).sum())


def surroundings(slices: Floats, mask: BoolArray, config: StudentConfig) -> Floats:
    """What lies around the mask, smoothly continued: [S, H, W]."""
    image, known = torch.from_numpy(slices), torch.from_numpy((~mask & (slices > 0.1)).astype(np.float32))
    sigma = SURROUNDINGS_MM / config.pixel_mm
    return (blur(image * known, sigma) / blur(known, sigma).clamp(min=1e-3)).numpy()


def _widened(mask: BoolArray) -> BoolArray:
    pixels = torch.from_numpy(mask.astype(np.float32))[:, None]
    return functional.max_pool2d(pixels, 2 * AROUND_PX + 1, 1, AROUND_PX)[:, 0].numpy() > 0
