"""The spatial condition as channels: how much lesion there is, and whether that is known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .config import CONDITION_CHANNELS, FREE_LABEL


def condition_channels(label: Tensor, like: Tensor) -> Tensor:
    """What labels `[N]` alone say, `[N, 2, H, W]` of the size of `like`.

    Healthy: known, and none anywhere. Any other label, and the null label: unknown.
    """
    known = (label == FREE_LABEL).to(like.dtype)
    channels = torch.stack([torch.zeros_like(known), known], dim=1)[:, :, None, None]
    return channels.expand(len(label), CONDITION_CHANNELS, *like.shape[-2:])


def pooled_condition(condition: Tensor, patch: int) -> Tensor:
    """Amounts `[N, 1, H, W]`, NaN where unknown, as `[N, 2, H / patch, W / patch]`."""
    known = torch.isfinite(condition)
    channels = torch.cat([torch.where(known, condition, 0), known.to(condition.dtype)], dim=1)
    return functional.avg_pool2d(channels, patch) if patch > 1 else channels
