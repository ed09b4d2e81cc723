"""The usual objective: a network that predicts the noise in a noisy slice (paper, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..datasets.slice_cache import SliceCache
from ..network.unet import ConditionalUNet
from .batches import TrainingBatch
from .config import TrainingConfig
from .export import write_averaged
from .monitor import Monitor
from .objective import Watcher, Written
from .starting_weights import starting_weights
from .training_slices import TrainingSlices


class NoiseObjective:
    """See `Objective`. `measured`: what the draft of the model card says of measured figures."""

    name = "noise"

    def __init__(self, measured: str = "None yet.") -> None:
        self._measured = measured

    def starting_weights(self, model: str | Path, config: TrainingConfig) -> Mapping[str, Tensor]:
        """See `Objective`."""
        return starting_weights(model, config.model.network)

    def new_network(self, config: TrainingConfig) -> nn.Module:
        """See `Objective`."""
        return ConditionalUNet(config.model.network)

    def loss(self, forward: Callable[..., Tensor], x_t: Tensor, batch: TrainingBatch, config: TrainingConfig) -> Tensor:
        """Mean squared error of the noise."""
        predicted = forward(x_t, batch.t, batch.label, batch.level, batch.condition)
        loss: Tensor = (predicted.float() - batch.noise).square().mean()
        return loss

    def watcher(
        self, output: Path, slices: TrainingSlices, config: TrainingConfig, device: torch.device, first_step: int
    ) -> Watcher:
        """See `Objective`."""
        return Monitor(output, slices, config, device, first_step)

    def check_export(self) -> None:
        """Any checkpoint makes a model."""

    def write(
        self, destination: Path, config: TrainingConfig, weights: dict[str, Tensor], step: int, cache: SliceCache
    ) -> Written:
        """A model folder."""
        return write_averaged(weights, step, config, cache, destination, self._measured)
