"""How the networks of the compared methods are trained: as AnoFPDM's, but for what each needs. Torch-free to import."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...training.config import TrainingConfig
from ..anofpdm.model_config import DiffusionConfig, Purpose
from ..anofpdm.training import DiffusionTraining
from ..knobs import Knob
from ..shared_loop import LOOP_KNOBS, SharedLoop
from ..training import Stage, TrainingTask
from .networks import network_to_guide

if TYPE_CHECKING:
    from ...training.objective import Objective

_CHANGES: dict[Purpose, dict[str, Any]] = {
    "anoddpm-gaussian": {"labels": "healthy"},
    "anoddpm-simplex": {"labels": "healthy", "noise": "simplex"},
    "classifier": {"objective": "label"},
}


def for_purpose(config: TrainingConfig, purpose: Purpose) -> TrainingConfig:
    """The same network, data, steps and schedule for another purpose; the name says which."""
    assert isinstance(config.model, DiffusionConfig)
    named = replace(config.model, name=f"{config.model.name}_{purpose}", purpose=purpose)
    return replace(config, model=named, **_CHANGES[purpose])


def _network(task: TrainingTask, config: TrainingConfig, method: str) -> Objective:
    from .network_objective import HealthyNetworkObjective

    return HealthyNetworkObjective(method)


def _classifier(task: TrainingTask, config: TrainingConfig) -> Objective:
    from .classifier_objective import ClassifierObjective

    return ClassifierObjective(network_to_guide(task.values.get("diffusion"), config.model))


def _network_stage(method: Purpose, text: str) -> Stage:
    objective, adapt = functools.partial(_network, method=method), functools.partial(for_purpose, purpose=method)
    loop = SharedLoop(DiffusionTraining, objective, adapt, following="; calibrate it next")
    return Stage("network", text, loop, LOOP_KNOBS, method)


DIFFUSION = Knob(
    "diffusion",
    "the model whose network the classifier shall guide, by name or folder (default: the one here that sees the same "
    "input)",
    live=False,
    metavar="MODEL",
)
GAUSSIAN_STAGES = (_network_stage("anoddpm-gaussian", "its noise predictor, from healthy slices alone"),)
SIMPLEX_STAGES = (_network_stage("anoddpm-simplex", "its predictor of simplex noise, from healthy slices alone"),)
CLASSIFIER_STAGES = (
    Stage(
        "classifier",
        "its classifier of noisy slices, from image-level labels",
        SharedLoop(
            DiffusionTraining,
            _classifier,
            functools.partial(for_purpose, purpose="classifier"),
            following="; calibrate it next",
        ),
        (*LOOP_KNOBS, DIFFUSION),
        "classifier",
    ),
)
