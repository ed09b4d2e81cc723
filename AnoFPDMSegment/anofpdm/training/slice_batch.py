"""A batch of cached slices as the augmentation takes it, and the step from intensities to the network's range."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass
class SliceBatch:
    """N slices of C modalities on one device; intensities in units of the volume's percentile."""

    values: Tensor
    """[N, C, H, W] float32, from 0 to about 2."""
    head: Tensor
    """[N, H, W] float32, 1 inside the head (the brain, where the image is skull-stripped)."""
    brain: Tensor
    """[N, H, W] float32, 1 inside the brain, about."""
    whole_head: Tensor
    """[N] bool: shows more than the brain and may be stripped."""
    brain_scale: Tensor
    """[N, C]: the same percentile of the brain alone, in units of the head's."""
    stripped_scale: Tensor
    """[N, C]: what intensities are divided by where the skull is taken away."""
    scalp_scale: Tensor
    """[N, C]: likewise of the head without the brain."""
    label: Tensor
    """[N] int64: 0 or 1, the network's label."""
    level: Tensor
    """[N] float32, relative level in the head; NaN where unknown."""
    brain_level: Tensor
    """[N] float32, relative level in the brain, which is what a stripped volume shows."""

    def __len__(self) -> int:
        return len(self.values)

    def to(self, device: torch.device) -> SliceBatch:
        """The batch on another device."""
        return SliceBatch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})

    def part(self, chosen: slice | Tensor) -> SliceBatch:
        """Some of the slices."""
        return SliceBatch(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})


def to_network_range(values: Tensor) -> Tensor:
    """Intensities in units of the percentile to [-1, 1], clipped, as `volumes.preprocessing.normalise` does."""
    return 2 * values.clamp(0, 1) - 1
