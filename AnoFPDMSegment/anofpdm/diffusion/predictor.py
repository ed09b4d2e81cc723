"""The network as a `NoisePredictor`: precision, memory layout and the slices' levels bound to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..configuration import Precision


class NetworkPredictor:
    """eps_theta(x_t, t, label) of a batch of slices.

    Args:
        network: called as network(x, t, label, level).
        precision: `bfloat16` runs the network under autocast; its output is float32 either way.
        level: relative level of each slice [N], NaN where unknown; None without level embedding. It is
            repeated when x_t holds several copies of the batch.
    """

    def __init__(self, network: nn.Module, precision: Precision, level: Tensor | None = None) -> None:
        self._network = network
        self._precision = precision
        self._level = level

    def for_slices(self, level: Tensor | None) -> NetworkPredictor:
        """The same network bound to the levels of another batch."""
        return NetworkPredictor(self._network, self._precision, level)

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        x_t = x_t.contiguous(memory_format=torch.channels_last)
        level = self._level.repeat(len(x_t) // len(self._level)) if self._level is not None else None
        with torch.autocast(x_t.device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
            noise: Tensor = self._network(x_t, t, label, level)
        return noise.float()
