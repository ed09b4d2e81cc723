"""What `config.json` records of a method that restores a healthy slice. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...core.records import require
from ...diffusion.schedule import ScheduleConfig
from ...network.config import NetworkConfig
from ...store.model_config import ModelConfig
from ...store.model_part import ModelPart
from ..map_method import MapCalibration


@dataclass(frozen=True)
class Sampling:
    """How a slice is restored."""

    level: int = 200
    """Noise level, counted from 1, up to which it is encoded."""
    steps: int = 15
    """Most noise levels visited one way."""

    def __post_init__(self) -> None:
        require(self.level >= 2, "the noise level must be at least 2")
        require(2 <= self.steps <= 1000, "2 to 1000 noise levels may be visited")


@dataclass(frozen=True)
class GuidedSampling(Sampling):
    """Toward healthy by the labels of the network."""

    guidance: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.guidance <= 1000, "the guidance strength must lie between 0 and 1000")


@dataclass(frozen=True)
class ScaledSampling(Sampling):
    """Toward healthy by the gradient of a classifier."""

    scale: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.scale <= 1e6, "the gradient's scale must lie between 0 and 1000000")


@dataclass(frozen=True)
class OwnNetwork:
    """The diffusion network whose weights the model folder holds; it has seen healthy slices alone."""

    network: NetworkConfig
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)


@dataclass(frozen=True, kw_only=True)
class ReconstructionConfig(ModelConfig):
    """The diffusion network is the folder's own (`own`) or another model's (`diffusion`), which saw the same input."""

    own: OwnNetwork | None = None
    diffusion: ModelPart | None = None
    sampling: Sampling = field(default_factory=Sampling)
    calibration: MapCalibration = field(default_factory=MapCalibration)

    def __post_init__(self) -> None:
        super().__post_init__()
        require((self.own is None) != (self.diffusion is None), "it needs one diffusion network, its own or another's")
        if self.own is not None:
            network = self.own.network
            require(network.in_channels == len(self.modalities), "the network takes another number of modalities")
            require(network.image_size == self.grid.matrix, "network.image_size must equal grid.matrix")


@dataclass(frozen=True, kw_only=True)
class GuidedConfig(ReconstructionConfig):
    """Of DDIB."""

    sampling: GuidedSampling = field(default_factory=GuidedSampling)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.diffusion is not None, "it needs the network of a model that knows both labels")


@dataclass(frozen=True, kw_only=True)
class ConditionedConfig(ReconstructionConfig):
    """Of CG-CDM."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.diffusion is not None, "it needs the network of a model that knows both labels")


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(ReconstructionConfig):
    """Of classifier guidance: the folder's weights are the classifier's."""

    classifier: NetworkConfig
    """The network whose descending half's shape the classifier has."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """The noise that it was trained in; that of the diffusion network."""
    sampling: ScaledSampling = field(default_factory=ScaledSampling)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.diffusion is not None, "its own weights are the classifier's; it needs another model's network")
        same = (self.classifier.in_channels, self.classifier.image_size) == (len(self.modalities), self.grid.matrix)
        require(same, "the classifier looks at another input")
