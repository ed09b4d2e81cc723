"""Tells healthy from unhealthy in noisy slices, for classifier guidance (method section 7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...network.config import NetworkConfig
from ...network.embedding import noise_level_features
from ...network.residual_block import Downsample, ResidualBlock


class NoiseClassifier(nn.Module):
    """The descending half of the shared network's shape, without attention, and a mean over what is left.

    It sees the slice and the noise level, not the slice's level in the head: it must not learn where slices are
    unhealthy instead of what makes them so.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self._width = config.base_channels
        embedding = 4 * config.base_channels
        self.time_embed = nn.Sequential(
            nn.Linear(config.base_channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.first = nn.Conv2d(config.in_channels, config.base_channels, 3, padding=1)
        self.blocks = nn.ModuleList()
        channels = config.base_channels
        for depth, multiplier in enumerate(config.channel_multipliers):
            for _ in range(config.residual_blocks):
                self.blocks.append(ResidualBlock(channels, multiplier * config.base_channels, embedding, config))
                channels = multiplier * config.base_channels
            if depth + 1 < len(config.channel_multipliers):
                self.blocks.append(Downsample(channels))
        self.norm = nn.GroupNorm(config.norm_groups, channels)
        self.last = nn.Linear(channels, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Logit [N] of *healthy* for noisy slices x [N, C, H, W] at level indices t [N]."""
        embedding = self.time_embed(noise_level_features(t.to(x.device), self._width))
        h = self.first(x)
        for block in self.blocks:
            h = block(h, embedding) if isinstance(block, ResidualBlock) else block(h)
        logit: Tensor = self.last(nn.functional.silu(self.norm(h)).mean(dim=(2, 3)))
        return logit[:, 0]

    def log_healthy(self, x: Tensor, t: Tensor) -> Tensor:
        """log p(healthy | x_t) [N], differentiable in x."""
        with torch.autocast(x.device.type, enabled=False):
            return nn.functional.logsigmoid(self(x, t))
