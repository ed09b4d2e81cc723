"""A trained classifier of noisy slices on disk: `classifier.json` and `classifier.safetensors`. Needs torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import ModelError
from ...core.output_set import write_output_set
from ...core.records import load_json, record_from_dict, record_to_dict, shown
from ...network.config import NetworkConfig
from ...store.model_folder import file_sha256
from ...store.network_weights import read_weights, save_weights
from ..anofpdm.model_config import DiffusionConfig
from .classifier_shapes import classifier_shapes
from .noise_classifier import NoiseClassifier

CLASSIFIER_FILE, CLASSIFIER_WEIGHTS = "classifier.json", "classifier.safetensors"
CLASSIFIER_SCHEMA = 1


@dataclass(frozen=True)
class ClassifierFolder:
    """A classifier and the model it was trained beside."""

    path: Path
    config: DiffusionConfig
    """Grid, preprocessing, schedule and network shape that it was trained with."""
    weights_sha256: str


def write_classifier(path: Path, config: DiffusionConfig, state: Mapping[str, Tensor]) -> ClassifierFolder:
    """Write a new folder, whole or not at all. Raises OutputError, or ModelError if a weight is not finite."""
    record = {"schema": CLASSIFIER_SCHEMA, "model": record_to_dict(config)}
    write_output_set(
        path,
        {
            CLASSIFIER_WEIGHTS: lambda file: save_weights(state, file),
            CLASSIFIER_FILE: lambda file: file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8"),
        },
    )
    return open_classifier(path)


def open_classifier(path: str | Path) -> ClassifierFolder:
    """Read what a classifier was trained for. Raises ModelError."""
    path = Path(path)
    if not (path / CLASSIFIER_FILE).is_file():
        raise ModelError(f"{path} holds no classifier; name a folder made by anofpdm train --purpose classifier.")
    record = load_json(path / CLASSIFIER_FILE, "classifier")
    if record.get("schema") != CLASSIFIER_SCHEMA:
        raise ModelError(
            f"{path / CLASSIFIER_FILE} has schema {shown(record.get('schema'))}; train the classifier again."
        )
    config = record_from_dict(DiffusionConfig, record.get("model"), CLASSIFIER_FILE)
    return ClassifierFolder(path, config, file_sha256(path / CLASSIFIER_WEIGHTS))


def load_classifier(folder: ClassifierFolder, device: torch.device | str = "cpu") -> NoiseClassifier:
    """The classifier in evaluation mode. Raises ModelError if its weights do not fit."""
    try:
        return read_classifier(folder.path / CLASSIFIER_WEIGHTS, folder.config.network).to(device)
    except ModelError as error:
        raise ModelError(f"The classifier {folder.path} is damaged ({error}); train it again.") from error


def read_classifier(path: Path, config: NetworkConfig) -> NoiseClassifier:
    """The classifier of a file of weights, in evaluation mode. Raises ModelError if they do not fit."""
    network = NoiseClassifier(config)
    network.load_state_dict(read_weights(path, classifier_shapes(config)))
    return network.eval().requires_grad_(False)
