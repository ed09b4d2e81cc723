"""The file of weights of a model that has none: safetensors without tensors. Torch-free."""

from __future__ import annotations

import json
from pathlib import Path

from .model_config import ModelConfig


def write_no_weights(path: Path, config: ModelConfig) -> None:
    """Write the file; its header names the model, so that its SHA-256 tells such models apart.

    The SHA-256 of the weights is what results, scenes and licences that a user accepted know a model by.
    """
    about = {"model": config.name, "method": config.method, "version": config.version}
    header = json.dumps({"__metadata__": about}).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header)
