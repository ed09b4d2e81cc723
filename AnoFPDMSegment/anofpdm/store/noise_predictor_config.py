"""What `config.json` records of a model whose network predicts noise, whatever its method. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..core.errors import ModelError
from ..core.records import require
from ..diffusion.schedule import ScheduleConfig
from ..network.config import FREE_LABEL, NetworkConfig
from .model_config import ModelConfig

if TYPE_CHECKING:
    from .model_folder import ModelFolder


@dataclass(frozen=True, kw_only=True)
class NoisePredictorConfig(ModelConfig):
    """The labels it was taught, its noise schedule and its shape; a method adds its own."""

    healthy_label: int = 0
    unhealthy_label: int = 1
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.network.in_channels == len(self.modalities),
            f"the network takes {self.network.in_channels} channels but {len(self.modalities)} modalities are named",
        )
        require(self.network.image_size == self.grid.matrix, "network.image_size must equal grid.matrix")
        labels = {self.healthy_label, self.unhealthy_label}
        require(labels == {0, 1}, "healthy_label and unhealthy_label must be 0 and 1")
        require(
            self.healthy_label == FREE_LABEL or not self.network.spatial_condition,
            f"healthy_label must be {FREE_LABEL} where the network takes a spatial condition",
        )


def noise_predictor_config(folder: ModelFolder) -> NoisePredictorConfig:
    """The folder's configuration. Raises ModelError if its network is another one."""
    config = folder.config
    if not isinstance(config, NoisePredictorConfig):
        raise ModelError(f"{folder.path} is a model of the method {config.method}; choose a diffusion model.")
    return config
