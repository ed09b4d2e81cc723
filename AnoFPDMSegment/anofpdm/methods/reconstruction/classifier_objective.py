"""What the classifier of noisy slices is trained for: the network's batches, noise and schedule, another loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, nn

from ...core.errors import SettingsError
from ...datasets.slice_cache import SliceCache
from ...network.config import NULL_LABEL
from ...store.model_folder import ModelFolder
from ...training.batches import TrainingBatch
from ...training.config import TrainingConfig
from ...training.export import write_averaged
from ...training.objective import Written
from ...training.training_slices import TrainingSlices
from .network_objective import UNCALIBRATED
from .noise_classifier import NoiseClassifier
from .trained_model import classifier_model


class ClassifierObjective:
    """See `Objective`: whether a noisy slice is healthy."""

    name = "label"

    def __init__(self, guided: ModelFolder) -> None:
        """`guided`: the diffusion model whose network the classifier will guide; see `networks.network_to_guide`."""
        self._guided = guided

    def starting_weights(self, model: str | Path, config: TrainingConfig) -> NoReturn:
        """There are none."""
        raise SettingsError("A classifier is trained from random weights; leave --start-from out.")

    def new_network(self, config: TrainingConfig) -> nn.Module:
        """See `Objective`."""
        return NoiseClassifier(config.model.network)

    def loss(self, forward: Callable[..., Tensor], x_t: Tensor, batch: TrainingBatch, config: TrainingConfig) -> Tensor:
        """Cross entropy; slices whose label is withheld do not count."""
        logit = forward(x_t, batch.t).float()
        healthy = (batch.label == config.model.healthy_label).float()
        told = (batch.label != NULL_LABEL).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logit, healthy, reduction="none")
        total: Tensor = (loss * told).sum() / torch.clamp(told.sum(), min=1)
        return total

    def watcher(
        self, output: Path, slices: TrainingSlices, config: TrainingConfig, device: torch.device, first_step: int
    ) -> None:
        """Its losses stand in losses.csv."""

    def check_export(self) -> None:
        """See `Objective`."""
        raise SettingsError("A classifier is written when its training is finished; it cannot be exported before.")

    def write(
        self, destination: Path, config: TrainingConfig, weights: dict[str, Tensor], step: int, cache: SliceCache
    ) -> Written:
        """A model folder of classifier guidance."""
        model = classifier_model(config.model, self._guided)
        return write_averaged(weights, step, config, cache, destination, UNCALIBRATED, model)
