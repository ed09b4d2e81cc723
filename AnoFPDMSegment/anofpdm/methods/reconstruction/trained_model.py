"""What `config.json` records of a model whose network, or classifier, was just trained. Torch-free."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...store.model_config import ModelConfig
from ...store.model_folder import ModelFolder
from ...store.model_part import ModelPart
from ...store.noise_predictor_config import NoisePredictorConfig
from ..registry import find_method
from .model_config import ClassifierConfig, OwnNetwork, ReconstructionConfig, Sampling, ScaledSampling


def network_model(method: str, trained: NoisePredictorConfig) -> ReconstructionConfig:
    """Of a method that restores with a network of its own; not calibrated. `trained`: as what that was trained."""
    usual = Sampling()
    sampling = dataclasses.replace(usual, level=min(usual.level, trained.schedule.steps))
    own = OwnNetwork(trained.network, trained.schedule)
    return ReconstructionConfig(**_shared(method, trained), own=own, sampling=sampling)


def classifier_model(trained: NoisePredictorConfig, guided: ModelFolder) -> ClassifierConfig:
    """Of classifier guidance; not calibrated. `guided`: the diffusion model whose network the classifier guides."""
    usual = ScaledSampling()
    return ClassifierConfig(
        **_shared("classifier-guidance", trained),
        diffusion=ModelPart(guided.config.name, guided.weights_sha256),
        classifier=trained.network,
        schedule=trained.schedule,
        sampling=dataclasses.replace(usual, level=min(usual.level, trained.schedule.steps)),
    )


def _shared(method: str, trained: ModelConfig) -> dict[str, Any]:
    """What every model's record holds, the title with the method's before it."""
    values = {field.name: getattr(trained, field.name) for field in dataclasses.fields(ModelConfig)}
    return {**values, "method": method, "title": f"{find_method(method).title}: {trained.title}"}
