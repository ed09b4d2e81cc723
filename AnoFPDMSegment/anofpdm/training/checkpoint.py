"""The state of a training run on disk: written whole or not at all, and refused if it belongs to another run."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ModelError, OutputError, SettingsError
from ..core.replaced_file import replaced_file
from .config import TrainingConfig, training_config_from_dict, training_config_to_dict

CHECKPOINT_FILE = "checkpoint.pt"
SCHEMA = 1


@dataclass
class Checkpoint:
    """What is needed to go on after `step` finished steps.

    Random numbers need no place here: each step draws its own from the seed and its number.
    """

    step: int
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]


def save_checkpoint(path: Path, checkpoint: Checkpoint, config: TrainingConfig, data: str) -> None:
    """Replace the checkpoint in one move. `data` tells the data set. Raises OutputError."""
    record = {"schema": SCHEMA, "config": training_config_to_dict(config), "data": data, **vars(checkpoint)}
    try:
        with replaced_file(path, flushed=True) as partial, partial.open("wb") as stream:
            torch.save(record, stream)
    except OSError as error:
        raise OutputError(f"The checkpoint {path} could not be written ({error.strerror}); check the disk.") from error


def load_checkpoint(path: Path, config: TrainingConfig, data: str | None) -> Checkpoint | None:
    """The checkpoint, or None if there is none yet.

    Raises ModelError if it is damaged, SettingsError if it was made with another configuration or other data
    (`data` None: whatever data).
    """
    if not path.exists():
        return None
    try:
        # Damage shows as many kinds of exception here.
        record = torch.load(path, map_location="cpu", weights_only=True)
        checkpoint = Checkpoint(record["step"], record["network"], record["average"], record["optimizer"])
        theirs, schema, their_data = record["config"], record["schema"], record["data"]
    except Exception as error:
        raise ModelError(f"The checkpoint {path} cannot be read; remove it to train from the beginning.") from error
    if schema != SCHEMA:
        raise ModelError(f"The checkpoint {path} is of another version; remove it to train from the beginning.")
    # Entries that are newer than the checkpoint have their defaults.
    with contextlib.suppress(SettingsError):
        theirs = training_config_to_dict(training_config_from_dict(theirs, path.name, type(config)))
    different = _first_difference(theirs, training_config_to_dict(config))
    if different:
        raise SettingsError(
            f"The run in {path.parent} was started with another configuration ({different} differs); "
            "give that configuration to continue it, or choose another output folder."
        )
    if data is not None and their_data != data:
        raise SettingsError(
            f"The run in {path.parent} was started with other data; give that manifest to continue it, "
            "or choose another output folder."
        )
    return checkpoint


def _first_difference(one: Any, other: Any, where: str = "") -> str:
    """The dotted name of the first entry that differs; empty if none does."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            place = f"{where}.{name}" if where else name
            if name not in one or name not in other:
                return place
            if found := _first_difference(one[name], other[name], place):
                return found
        return ""
    return "" if one == other else where
