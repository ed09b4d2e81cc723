"""What a model's `config.json` records: everything needed to feed and read its network.

Torch-free, so that a panel can read a model without loading torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..core.errors import ModelError
from ..core.names import MODALITY_RULE, PLAIN_RULE, is_modality, is_plain_name
from ..core.records import load_json, record_from_dict, record_to_dict, require
from ..diffusion.schedule import ScheduleConfig
from ..methods.anofpdm.operating_point import OperatingPoint
from ..methods.registry import FIRST_METHOD
from ..network.config import NetworkConfig
from ..volumes.input_config import GridConfig, PreprocessingConfig

CONFIG_SCHEMA = 1
CONFIG_FILE = "config.json"

Purpose = Literal["anofpdm", "anoddpm-gaussian", "anoddpm-simplex", "classifier"]


@dataclass(frozen=True)
class ModelConfig:
    """The whole of `config.json`."""

    name: str
    title: str
    modalities: tuple[str, ...]
    """Input channels in the network's order, lower case: flair, t1, t1ce, t2."""
    used: tuple[str, ...]
    """The modalities whose maps and scalars are used (method section 1)."""
    version: str = "1.0"
    healthy_label: int = 0
    unhealthy_label: int = 1
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    grid: GridConfig = field(default_factory=GridConfig)
    preprocessing: PreprocessingConfig = field(default_factory=PreprocessingConfig)
    operating_point: OperatingPoint = field(default_factory=OperatingPoint)
    minimum_size_px: int = 40
    """Components of at most this filled area, in model pixels, are dropped (Algorithm 1's post-processing)."""
    purpose: Purpose = "anofpdm"
    """What it was trained for; a network of a compared method detects nothing by itself."""
    trained_on: str = ""
    licence: str = "unspecified"
    non_commercial: bool = False
    citation: str = ""
    notes: str = ""
    caution: str = ""
    """A warning that goes with every result of this model."""

    def __post_init__(self) -> None:
        # Both become parts of paths and command lines, and a model may come from anywhere.
        require(is_plain_name(self.name), f"name must be a plain folder name ({PLAIN_RULE})")
        require(len(self.modalities) >= 1, "modalities must not be empty")
        require(all(map(is_modality, self.modalities)), f"every modality must be a plain name ({MODALITY_RULE})")
        require(len(set(self.modalities)) == len(self.modalities), "modalities must differ from one another")
        require(len(self.used) >= 1, "at least one modality must be used")
        require(all(m in self.modalities for m in self.used), "used modalities must be among the modalities")
        require(
            self.network.in_channels == len(self.modalities),
            f"the network takes {self.network.in_channels} channels but {len(self.modalities)} modalities are named",
        )
        require(self.network.image_size == self.grid.matrix, "network.image_size must equal grid.matrix")
        require(self.operating_point.last <= self.schedule.steps, "the range goes beyond the schedule's steps")
        require(self.minimum_size_px >= 0, "minimum_size_px must not be negative")
        labels = {self.healthy_label, self.unhealthy_label}
        require(labels == {0, 1}, "healthy_label and unhealthy_label must be 0 and 1")

    @property
    def method(self) -> str:
        """Name of the method that runs it."""
        return FIRST_METHOD

    @property
    def used_channels(self) -> tuple[int, ...]:
        """Indices of the used modalities among the network's channels."""
        return tuple(self.modalities.index(m) for m in self.used)


def load_model_config(folder: Path) -> ModelConfig:
    """Read and check `config.json` of a model folder. Raises ModelError."""
    values = load_json(folder / CONFIG_FILE, "model configuration")
    schema = values.pop("schema", None)
    if schema != CONFIG_SCHEMA:
        raise ModelError(f"{folder / CONFIG_FILE} has schema {schema!r}; this version reads schema {CONFIG_SCHEMA}.")
    return record_from_dict(ModelConfig, values, CONFIG_FILE)


def model_config_to_json(config: ModelConfig) -> str:
    """The text of `config.json`."""
    return json.dumps({"schema": CONFIG_SCHEMA, **record_to_dict(config)}, indent=2) + "\n"
