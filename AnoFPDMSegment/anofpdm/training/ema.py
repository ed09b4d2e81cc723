"""The exponential moving average of the network's weights, which is what a trained model consists of."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AveragedWeights:
    """A float32 copy of a network's parameters that follows them slowly.

    Early on the average forgets faster, so that it does not carry the first random weights along.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._names = [name for name, _ in network.named_parameters()]
        self._values = [p.detach().clone().float() for p in network.parameters()]

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the parameters after step 0, 1, ..."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._values, [p.detach().float() for p in network.parameters()], 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """The averaged parameters by name."""
        return dict(zip(self._names, self._values, strict=True))

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Continue from `state()`."""
        for name, value in zip(self._names, self._values, strict=True):
            value.copy_(state[name])
