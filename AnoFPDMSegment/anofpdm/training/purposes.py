"""What a training configuration is used for: the model itself, or what a compared method needs. Torch-free."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from ..methods.anofpdm.model_config import Purpose
from .config import TrainingConfig

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

_CHANGES: dict[str, dict[str, Any]] = {
    "anoddpm-gaussian": {"labels": "healthy"},
    "anoddpm-simplex": {"labels": "healthy", "noise": "simplex"},
    "classifier": {"objective": "label"},
}


def for_purpose(config: TrainingConfig, purpose: Purpose) -> TrainingConfig:
    """The same network, data, steps and schedule for another purpose; the name says which."""
    if purpose == "anofpdm":
        return config
    named = replace(config.model, name=f"{config.model.name}_{purpose}", purpose=purpose)
    return replace(config, model=named, **_CHANGES[purpose])
