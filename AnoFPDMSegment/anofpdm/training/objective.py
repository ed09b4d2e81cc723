"""What the shared loop trains a network for: the network's form, its loss, what is looked at and what is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from ..datasets.slice_cache import SliceCache
from .batches import TrainingBatch
from .config import TrainingConfig
from .loss_log import Row
from .training_slices import TrainingSlices


class Watcher(Protocol):
    """Looks at a run while it goes on."""

    def is_due(self, step: int, last: bool) -> bool:
        """Whether to look after this step."""

    def add_losses(self, rows: Sequence[Row]) -> None:
        """Of finished steps."""

    def look(self, step: int, weights: dict[str, Tensor]) -> None:
        """At these averaged weights, after `step` steps; without touching the run's random numbers."""

    def close(self) -> None:
        """The run ends."""


class Written(Protocol):
    """What a run leaves behind."""

    @property
    def path(self) -> Path:
        """Its folder."""


class Objective(Protocol):
    """What a method gives to have a network trained by the shared loop."""

    @property
    def name(self) -> str:
        """What a configuration calls it."""

    def starting_weights(self, model: str | Path, config: TrainingConfig) -> Mapping[str, Tensor]:
        """Of a run that continues from `model`. Raises SettingsError if it cannot, ModelError if that is damaged."""

    def new_network(self, config: TrainingConfig) -> nn.Module:
        """With random weights."""

    def loss(self, forward: Callable[..., Tensor], x_t: Tensor, batch: TrainingBatch, config: TrainingConfig) -> Tensor:
        """Of noisy slices x_t [N, C, H, W]; `forward` is the network."""

    def watcher(
        self, output: Path, slices: TrainingSlices, config: TrainingConfig, device: torch.device, first_step: int
    ) -> Watcher | None:
        """Of a run that has finished `first_step` steps; None if there is nothing to look at."""

    def check_export(self) -> None:
        """Raises SettingsError if nothing can be written before the run's end."""

    def write(
        self, destination: Path, config: TrainingConfig, weights: dict[str, Tensor], step: int, cache: SliceCache
    ) -> Written:
        """Averaged weights after `step` steps, as a new folder, whole or not at all. Raises OutputError."""
