"""The diffusion network of a model of these methods: its own, or another model's. Torch-free."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from ...core.errors import ModelError, SettingsError
from ...diffusion.schedule import ScheduleConfig
from ...network.config import NULL_LABEL
from ...store.model_config import ModelConfig, load_model_config
from ...store.model_folder import ModelFolder
from ...store.model_part import open_model_part
from ...store.model_search import find_model, list_models
from ...store.noise_predictor_config import NoisePredictorConfig, noise_predictor_config
from ..anofpdm.model_config import DiffusionConfig, diffusion_config
from .model_config import ClassifierConfig, OwnNetwork, ReconstructionConfig


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
    if isinstance(config, ClassifierConfig):
        check_same_noise(found, config.name, config.schedule)
    shape = OwnNetwork(found.network, found.schedule)
    return DiffusionNetwork(other, shape, found.healthy_label, found.unhealthy_label)


def check_alike(other: ModelConfig, config: ModelConfig) -> None:
    """Raises ModelError unless both models see the same input."""
    for name in ("modalities", "used", "grid", "preprocessing"):
        if getattr(other, name) != getattr(config, name):
            raise ModelError(f"{config.name} needs another {name} than the network of {other.name} was trained with.")


def check_same_noise(other: NoisePredictorConfig, name: str, schedule: ScheduleConfig) -> None:
    """Raises ModelError unless the classifier of the model `name` knows the other network's noise."""
    if other.schedule != schedule:
        raise ModelError(f"{name} needs another noise schedule than the network of {other.name} was trained with.")


def network_to_guide(name: str | None, config: NoisePredictorConfig) -> ModelFolder:
    """The diffusion model whose network a classifier trained as `config` shall guide.

    `name`: a name in the list or a folder; None: the one in the list that sees the same input. Raises SettingsError if
    that is none or several, ModelError if the one named cannot be guided.
    """
    if name is None:
        alike = list(_alike(config))
        if len(alike) != 1:
            found = (
                f"those that see the same input are {', '.join(alike)}" if alike else "none here sees the same input"
            )
            raise SettingsError(f"Name with --diffusion the model whose network the classifier shall guide; {found}.")
        name = alike[0]
    folder = find_model(name)
    _check_guided(diffusion_config(folder), config)
    return folder


def _alike(config: NoisePredictorConfig) -> Iterator[str]:
    """Names in the list."""
    for entry in list_models():
        with contextlib.suppress(ModelError):
            found = load_model_config(entry.path)
            if isinstance(found, DiffusionConfig) and found.purpose == "anofpdm":
                _check_guided(found, config)
                yield entry.name


def _check_guided(found: NoisePredictorConfig, config: NoisePredictorConfig) -> None:
    check_alike(found, config)
    check_same_noise(found, config.name, config.schedule)


def trained_on_healthy(name: str, method: str) -> tuple[ModelFolder, ModelConfig, OwnNetwork]:
    """A network of healthy slices for the method, by a model's name or folder: one of the method, or as version 0.1
    wrote it. Raises ModelError."""
    folder = find_model(name)
    config = folder.config
    if isinstance(config, ReconstructionConfig) and config.method == method:
        if config.own is None:
            raise ModelError(
                f"{folder.path} has no network of its own; name a model made by anofpdm train --method {method}."
            )
        return folder, config, config.own
    earlier = diffusion_config(folder, "anoddpm-simplex" if method == "anoddpm-simplex" else "anoddpm-gaussian")
    return folder, earlier, OwnNetwork(earlier.network, earlier.schedule)
