"""What `config.json` records of a model whose network is a conditional noise predictor. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ...core.errors import ModelError
from ...core.records import require
from ...diffusion.schedule import ScheduleConfig
from ...network.config import NetworkConfig
from ...store.model_config import ModelConfig
from .operating_point import OperatingPoint

if TYPE_CHECKING:
    from ...store.model_folder import ModelFolder

Purpose = Literal["anofpdm", "anoddpm-gaussian", "anoddpm-simplex", "classifier"]


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(ModelConfig):
    """The whole of such a `config.json`."""

    healthy_label: int = 0
    unhealthy_label: int = 1
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    operating_point: OperatingPoint = field(default_factory=OperatingPoint)
    purpose: Purpose = "anofpdm"
    """What it was trained for; a network of a compared method detects nothing by itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.network.in_channels == len(self.modalities),
            f"the network takes {self.network.in_channels} channels but {len(self.modalities)} modalities are named",
        )
        require(self.network.image_size == self.grid.matrix, "network.image_size must equal grid.matrix")
        require(self.operating_point.last <= self.schedule.steps, "the range goes beyond the schedule's steps")
        labels = {self.healthy_label, self.unhealthy_label}
        require(labels == {0, 1}, "healthy_label and unhealthy_label must be 0 and 1")


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
