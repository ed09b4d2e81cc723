"""A network of healthy slices alone, which becomes a model of its method."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ...datasets.slice_cache import SliceCache
from ...training.config import TrainingConfig
from ...training.export import write_averaged
from ...training.noise_objective import NoiseObjective
from ...training.objective import Written
from .trained_model import network_model

UNCALIBRATED = "None yet: this model is not calibrated."


class HealthyNetworkObjective(NoiseObjective):
    """See `Objective`: the usual one, but for what is written."""

    def __init__(self, method: str) -> None:
        super().__init__(UNCALIBRATED)
        self._method = method

    def write(
        self, destination: Path, config: TrainingConfig, weights: dict[str, Tensor], step: int, cache: SliceCache
    ) -> Written:
        """A model folder of the method."""
        model = network_model(self._method, config.model)
        return write_averaged(weights, step, config, cache, destination, self._measured, model)
