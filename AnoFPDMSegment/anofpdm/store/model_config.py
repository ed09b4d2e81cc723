"""What a model's `config.json` records, whatever its method. Torch-free."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ModelError
from ..core.names import PLAIN_RULE, is_plain_name
from ..core.records import load_json, record_from_dict, record_to_dict, require, shown
from ..methods.registry import FIRST_METHOD, find_method
from ..volumes.input_config import InputConfig

CONFIG_SCHEMA = 1
CONFIG_FILE = "config.json"


@dataclass(frozen=True, kw_only=True)
class ModelConfig(InputConfig):
    """What every model's `config.json` holds; a method adds its own (`Method.config_type`)."""

    title: str
    method: str = FIRST_METHOD
    """Name of the method that runs it."""
    version: str = "1.0"
    minimum_size_px: int = 40
    """Components of at most this filled area, in model pixels, are dropped."""
    trained_on: str = ""
    licence: str = "unspecified"
    non_commercial: bool = False
    citation: str = ""
    notes: str = ""
    caution: str = ""
    """A warning that goes with every result of this model."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # It becomes part of paths and command lines, and a model may come from anywhere.
        require(is_plain_name(self.name), f"name must be a plain folder name ({PLAIN_RULE})")
        require(self.minimum_size_px >= 0, "minimum_size_px must not be negative")


def load_model_config(folder: Path) -> ModelConfig:
    """Read and check `config.json` of a model folder, a record of its method. Raises ModelError."""
    values = load_json(folder / CONFIG_FILE, "model configuration")
    schema = values.pop("schema", None)
    if schema != CONFIG_SCHEMA:
        raise ModelError(
            f"{folder / CONFIG_FILE} has schema {shown(schema)}; this version reads schema {CONFIG_SCHEMA}."
        )
    name = values.get("method", FIRST_METHOD)
    if not isinstance(name, str):
        raise ModelError(f"{folder / CONFIG_FILE} names no method; install the model again.")
    return record_from_dict(find_method(name).config_type, values, CONFIG_FILE)


def model_config_to_json(config: ModelConfig) -> str:
    """The text of `config.json`."""
    return json.dumps({"schema": CONFIG_SCHEMA, **record_to_dict(config)}, indent=2) + "\n"
