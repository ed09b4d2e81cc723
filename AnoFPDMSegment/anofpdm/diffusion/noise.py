"""Fresh Gaussian noise that does not depend on how slices are batched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

NoiseSource = Callable[[int, Tensor], Tensor]
"""`noise(step, like)` gives the noise of one visited step, of the shape and device of `like`."""


class SeededNoise:
    """One generator a slice, seeded by the run's seed and the slice's number.

    The noise of a slice is thus the same whatever batch it travels in and on every device.
    """

    def __init__(self, seed: int, slice_numbers: Sequence[int]) -> None:
        self._generators = [
            torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63) for number in slice_numbers
        ]

    def __call__(self, step: int, like: Tensor) -> Tensor:
        draws = [torch.randn(like.shape[1:], generator=g, dtype=torch.float32) for g in self._generators]
        return torch.stack(draws).to(like)
