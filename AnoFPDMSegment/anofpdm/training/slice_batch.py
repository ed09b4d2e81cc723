"""A batch of cached slices as the augmentation takes it, and the step from intensities to the network's range."""

from __future__ import annotations

from collections.abc import Callable
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
    lesion: Tensor | None = None
    """[N, H, W] float32, share of a pixel that is lesion, NaN where unknown; None: not asked for."""

    def __len__(self) -> int:
        return len(self.values)

    def to(self, device: torch.device) -> SliceBatch:
        """The batch on another device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def part(self, chosen: slice | Tensor) -> SliceBatch:
        """Some of the slices."""
        return self._each(lambda tensor: tensor[chosen])

    def _each(self, function: Callable[[Tensor], Tensor]) -> SliceBatch:
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return SliceBatch(**{name: function(part) for name, part in given.items() if part is not None})


def join_batches(one: SliceBatch, other: SliceBatch) -> SliceBatch:
    """The slices of both; either both know their lesions or neither."""
    pairs = {f.name: (getattr(one, f.name), getattr(other, f.name)) for f in fields(one)}
    return SliceBatch(**{name: torch.cat(pair) for name, pair in pairs.items() if pair[0] is not None})


def to_network_range(values: Tensor) -> Tensor:
    """Intensities in units of the percentile to [-1, 1], clipped, as `volumes.preprocessing.normalise` does."""
    return 2 * values.clamp(0, 1) - 1
