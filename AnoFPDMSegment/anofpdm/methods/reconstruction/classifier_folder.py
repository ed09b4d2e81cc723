"""A trained classifier of noisy slices on disk, for `evaluate`: a model of classifier guidance, or the folder of
`classifier.json` and `classifier.safetensors` that version 0.1 wrote. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ...core.errors import ModelError
from ...core.records import load_json, record_from_dict, shown
from ...diffusion.schedule import ScheduleConfig
from ...network.config import NetworkConfig
from ...store.model_config import ModelConfig
from ...store.model_folder import file_sha256
from ...store.model_search import find_model
from ...store.network_weights import read_weights
from ..anofpdm.model_config import DiffusionConfig
from .classifier_shapes import classifier_shapes
from .model_config import ClassifierConfig
from .noise_classifier import NoiseClassifier

CLASSIFIER_FILE, CLASSIFIER_WEIGHTS = "classifier.json", "classifier.safetensors"
CLASSIFIER_SCHEMA = 1


@dataclass(frozen=True)
class ClassifierFolder:
    """A classifier and what it was trained with."""

    path: Path
    config: ModelConfig
    """Modalities, grid and preprocessing among it."""
    network: NetworkConfig
    schedule: ScheduleConfig
    weights: Path
    weights_sha256: str


def open_classifier(name_or_path: str | Path) -> ClassifierFolder:
    """Read what a classifier was trained for. Raises ModelError."""
    path = Path(name_or_path)
    if (path / CLASSIFIER_FILE).is_file():
        return _of_version_0_1(path)
    folder = find_model(str(name_or_path))
    config = folder.config
    if not isinstance(config, ClassifierConfig):
        raise ModelError(
            f"{folder.path} holds no classifier; name a model made by anofpdm train --method classifier-guidance."
        )
    return ClassifierFolder(
        folder.path, config, config.classifier, config.schedule, folder.weights, folder.weights_sha256
    )


def _of_version_0_1(path: Path) -> ClassifierFolder:
    record = load_json(path / CLASSIFIER_FILE, "classifier")
    if record.get("schema") != CLASSIFIER_SCHEMA:
        raise ModelError(
            f"{path / CLASSIFIER_FILE} has schema {shown(record.get('schema'))}; train the classifier again."
        )
    config = record_from_dict(DiffusionConfig, record.get("model"), CLASSIFIER_FILE)
    weights = path / CLASSIFIER_WEIGHTS
    return ClassifierFolder(path, config, config.network, config.schedule, weights, file_sha256(weights))


def load_classifier(folder: ClassifierFolder, device: torch.device | str = "cpu") -> NoiseClassifier:
    """The classifier in evaluation mode. Raises ModelError if its weights do not fit."""
    try:
        return read_classifier(folder.weights, folder.network).to(device)
    except ModelError as error:
        raise ModelError(f"The classifier {folder.path} is damaged ({error}); train it again.") from error


def read_classifier(path: Path, config: NetworkConfig) -> NoiseClassifier:
    """The classifier of a file of weights, in evaluation mode. Raises ModelError if they do not fit."""
    network = NoiseClassifier(config)
    network.load_state_dict(read_weights(path, classifier_shapes(config)))
    return network.eval().requires_grad_(False)
