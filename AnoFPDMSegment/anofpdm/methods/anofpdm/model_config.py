"""What `config.json` records of a model whose network is a conditional noise predictor. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ...core.errors import ModelError
from ...core.records import require
from ...store.noise_predictor_config import NoisePredictorConfig
from .operating_point import OperatingPoint

if TYPE_CHECKING:
    from ...store.model_folder import ModelFolder

Purpose = Literal["anofpdm", "anoddpm-gaussian", "anoddpm-simplex", "classifier"]


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(NoisePredictorConfig):
    """The whole of such a `config.json`."""

    operating_point: OperatingPoint = field(default_factory=OperatingPoint)
    purpose: Purpose = "anofpdm"
    """What it was trained for; a network of a compared method detects nothing by itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.operating_point.last <= self.schedule.steps, "the range goes beyond the schedule's steps")


def diffusion_config(folder: ModelFolder, purpose: Purpose | None = "anofpdm") -> DiffusionConfig:
    """The folder's configuration. Raises ModelError if its network is another one, or was trained for another purpose
    (None: any will do)."""
    config = folder.config
    if not isinstance(config, DiffusionConfig):
        raise ModelError(f"{folder.path} is a model of the method {config.method}; choose a diffusion model.")
    if purpose is not None and config.purpose != purpose:
        instead = "choose another model" if purpose == "anofpdm" else f"see anofpdm train --purpose {purpose}"
        raise ModelError(f"{folder.path} was trained for {config.purpose}, not for {purpose}; {instead}.")
    return config
