"""Trains the classifier of noisy slices: the same batches, noise and schedule as the network, another loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...training.batches import TrainingBatch
from ...training.trainer import Trainer
from .noise_classifier import NoiseClassifier


class ClassifierTrainer(Trainer):
    """A `Trainer` whose network says whether a noisy slice is healthy."""

    def _new_network(self) -> nn.Module:
        return NoiseClassifier(self._config.model.network)

    def _loss(self, x_t: Tensor, batch: TrainingBatch) -> Tensor:
        """Cross entropy; slices whose label is withheld do not count."""
        logit = self._forward(x_t, batch.t).float()
        healthy = (batch.label == self._config.model.healthy_label).float()
        told = (batch.label >= 0).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logit, healthy, reduction="none")
        total: Tensor = (loss * told).sum() / torch.clamp(told.sum(), min=1)
        return total
