"""How the networks of the compared methods are trained: as AnoFPDM's, but for what each needs. Torch-free to import."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...training.config import TrainingConfig
from ..anofpdm.model_config import DiffusionConfig, Purpose
from ..anofpdm.training import DiffusionTraining
from ..shared_loop import LOOP_KNOBS, SharedLoop
from ..training import Stage

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


def _network(purpose: Purpose) -> Objective:
    from ...training.noise_objective import NoiseObjective

    return NoiseObjective(f"This network serves the compared method {purpose} of `anofpdm evaluate`.")


def _classifier() -> Objective:
    from .classifier_objective import ClassifierObjective

    return ClassifierObjective()


def _stage(name: str, text: str, purpose: Purpose) -> Stage:
    objective = _classifier if purpose == "classifier" else functools.partial(_network, purpose)
    adapt = functools.partial(for_purpose, purpose=purpose)
    return Stage(name, text, SharedLoop(DiffusionTraining, objective, adapt), LOOP_KNOBS, purpose)


GAUSSIAN_STAGES = (_stage("network", "its noise predictor, from healthy slices alone", "anoddpm-gaussian"),)
SIMPLEX_STAGES = (_stage("network", "its predictor of simplex noise, from healthy slices alone", "anoddpm-simplex"),)
CLASSIFIER_STAGES = (_stage("classifier", "its classifier of noisy slices, from image-level labels", "classifier"),)
