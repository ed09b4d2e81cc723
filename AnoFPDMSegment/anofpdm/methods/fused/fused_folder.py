"""Writing a fused model's folder. Torch-free."""

from __future__ import annotations

from pathlib import Path

from ...store.model_folder import ModelFolder, write_model_folder
from .model_config import FusedConfig


def write_fused(path: str | Path, config: FusedConfig, model_card: str) -> ModelFolder:
    """Write a new folder, all of it or nothing. Raises OutputError if it exists or cannot be written."""
    from safetensors.numpy import save_file

    # No tensors; what tells one such file from another is whose answers it joins, and how.
    fusion = f"{config.fusion.witness!r} {config.fusion.threshold!r}"
    about = {"parts": f"{config.finder.weights_sha256} {config.witness.weights_sha256}", "fusion": fusion}
    return write_model_folder(path, config, lambda file: save_file({}, file, metadata=about), model_card=model_card)
