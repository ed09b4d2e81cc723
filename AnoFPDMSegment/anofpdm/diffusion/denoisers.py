"""Networks as noise predictors: precision, memory layout and the slices' levels bound to them."""

from __future__ import annotations

import copy
from typing import Protocol

import torch
from torch import Tensor, nn

from ..core.precision import Precision
from ..network.activation_memory import activation_bytes
from ..network.unet import ConditionalUNet


class NoisePredictor(Protocol):
    """eps_theta(x_t, t, label).

    `x_t` [N, C, H, W] holds one or two copies of the batch of slices, `t` [N] 0-based levels,
    `label` [N] class labels with `NULL_LABEL` for the null label, on the CPU: the network compares
    them there, and fetching them would wait for the accelerator at every evaluation. Returns [N, C, H, W] float32.
    """

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor: ...


class NetworkPredictor:
    """eps_theta(x_t, t, label) of a batch of slices.

    Args:
        network: called as network(x, t, label, level).
        precision: `bfloat16` runs a float32 network under autocast; the output is float32 either way.
        level: relative level of each slice [N], NaN where unknown; None without level embedding. It is
            repeated when x_t holds several copies of the batch.
    """

    def __init__(self, network: nn.Module, precision: Precision, level: Tensor | None = None) -> None:
        self._network = network
        self._precision = precision
        self._level = level
        trunk = network.trunk_dtype if isinstance(network, ConditionalUNet) else torch.float32
        self._autocast = precision == "bfloat16" and trunk == torch.float32

    @classmethod
    def prepared(cls, network: ConditionalUNet, precision: Precision) -> NetworkPredictor:
        """Takes the network over for evaluations: weights channels-last, and rounded once where that is asked for."""
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if precision == "bfloat16":
            network.trunk_to(torch.bfloat16)
        return cls(network, precision)

    def in_precision(self, precision: Precision) -> NetworkPredictor:
        """The same network in `precision`, prepared from a copy where that is another one.

        Raises ValueError for a network whose weights are rounded already.
        """
        if precision == self._precision:
            return self
        if self._precision != "float32" or not isinstance(self._network, ConditionalUNet):
            raise ValueError("only a network in float32 can be prepared in another precision")
        return self.prepared(copy.deepcopy(self._network), precision)

    def for_slices(self, level: Tensor | None) -> NetworkPredictor:
        """The same network bound to the levels of another batch."""
        return NetworkPredictor(self._network, self._precision, level)

    @property
    def slice_bytes(self) -> int:
        """About how much memory a slice of a batch needs in the fused evaluation; 0 if unknown."""
        if not isinstance(self._network, ConditionalUNet):
            return 0
        return 2 * activation_bytes(self._network.config, 2 if self._precision == "bfloat16" else 4)

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        x_t = x_t.contiguous(memory_format=torch.channels_last)
        level = self._level.repeat(len(x_t) // len(self._level)) if self._level is not None else None
        with torch.autocast(x_t.device.type, torch.bfloat16, enabled=self._autocast):
            noise: Tensor = self._network(x_t, t, label, level)
        return noise.float()
