"""Sinusoidal features of the noise level and of the slice's level in the head."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .parameter_shapes import LEVEL_HARMONICS
from .residual_block import zero_parameters


def noise_level_features(index: Tensor, width: int) -> Tensor:
    """Transformer-style features `[N, width]` (float32) of level indices `[N]`: cosines, then sines.

    Frequencies fall geometrically from 1 to 1/10000, as in the reference's U-Net.
    """
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=index.device) / half
    angles = index.to(torch.float32)[:, None] * torch.exp(-math.log(10_000.0) * exponents)
    features = torch.cat([angles.cos(), angles.sin()], dim=1)
    return nn.functional.pad(features, (0, width - 2 * half))


class LevelEmbedding(nn.Module):
    """Turns a slice's level in the head (0 lowest, 1 highest) into a shift of the time embedding.

    The features are the first harmonics only, so that the network learns what is usual in a region
    of the head rather than in a single slice. The last layer starts at zero: an untrained embedding
    changes nothing.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        last = nn.Linear(width, width)
        zero_parameters(last)
        self.mlp = nn.Sequential(nn.Linear(2 * LEVEL_HARMONICS, width), nn.SiLU(), last)

    def forward(self, level: Tensor) -> Tensor:
        """The contribution `[N, width]` of levels `[N]`; exactly zero where the level is NaN."""
        level = level.to(torch.float32)
        known = torch.isfinite(level)
        harmonics = torch.arange(1, LEVEL_HARMONICS + 1, dtype=torch.float32, device=level.device)
        angles = torch.where(known, level, torch.zeros_like(level))[:, None] * (math.pi * harmonics)
        contribution: Tensor = self.mlp(torch.cat([angles.cos(), angles.sin()], dim=1))
        return torch.where(known[:, None], contribution, torch.zeros_like(contribution))
