"""The diffusion network of a model of these methods: its own, or another model's. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.errors import ModelError
from ...network.config import NULL_LABEL
from ...store.model_config import ModelConfig
from ...store.model_folder import ModelFolder
from ...store.model_part import open_model_part
from ...store.noise_predictor_config import NoisePredictorConfig, noise_predictor_config
from .model_config import OwnNetwork, ReconstructionConfig


@dataclass(frozen=True)
class DiffusionNetwork:
    """Where its weights lie, and what it was taught."""

    folder: ModelFolder
    shape: OwnNetwork
    healthy_label: int
    """The null label where it was taught none."""
    unhealthy_label: int


def diffusion_network(folder: ModelFolder, config: ReconstructionConfig) -> DiffusionNetwork:
    """The network that the model in `folder` uses, its files checked. Raises ModelError."""
    if config.own is not None:
        return DiffusionNetwork(folder, config.own, NULL_LABEL, NULL_LABEL)
    assert config.diffusion is not None
    other = open_model_part(config.diffusion, folder)
    found: NoisePredictorConfig = noise_predictor_config(other)
    check_alike(found, config)
    shape = OwnNetwork(found.network, found.schedule)
    return DiffusionNetwork(other, shape, found.healthy_label, found.unhealthy_label)


def check_alike(other: ModelConfig, config: ModelConfig) -> None:
    """Raises ModelError unless both models see the same input."""
    for name in ("modalities", "used", "grid", "preprocessing"):
        if getattr(other, name) != getattr(config, name):
            raise ModelError(f"{config.name} needs another {name} than the network of {other.name} was trained with.")
