"""A student on disk: a model folder like any other. Torch-free to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import ModelError
from ...store.model_folder import ModelFolder, write_model_folder
from ...store.model_search import find_model
from .model_config import StudentModelConfig

if TYPE_CHECKING:
    from torch import Tensor

    from .network import StudentNetwork
    from .predictor import StudentPredictor


@dataclass(frozen=True)
class StudentFolder:
    """A checked folder."""

    folder: ModelFolder
    config: StudentModelConfig

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder.path

    def network(self) -> StudentNetwork:
        """The network in evaluation mode, float32. Raises ModelError if the weights do not fit or are not finite."""
        from .network import StudentNetwork
        from .network_weights import read_weights

        form = self.config.network
        network = StudentNetwork(form.channels, form.widths)
        read_weights(network, self.folder.weights)
        return network.eval()

    def predictor(self) -> StudentPredictor:
        """Ready to mark lesions."""
        from .network_weights import folded
        from .predictor import StudentPredictor

        return StudentPredictor(folded(self.network()), self.config.calibration)


def student_of(folder: ModelFolder) -> StudentFolder:
    """Raises ModelError if the folder holds another kind of model."""
    if not isinstance(folder.config, StudentModelConfig):
        raise ModelError(f"{folder.path} is no student but a model of the method {folder.config.method}.")
    return StudentFolder(folder, folder.config)


def open_student(name_or_path: str | Path) -> StudentFolder:
    """Open a student by its name in the list of models, or a folder.

    Raises ModelError if there is none, it is another kind of model, or a file is missing, changed or damaged.
    """
    return student_of(find_model(name_or_path))


def write_student(
    path: str | Path, config: StudentModelConfig, state: Mapping[str, Tensor], model_card: str
) -> StudentFolder:
    """Write a new folder, all of it or nothing. Raises OutputError if it exists or cannot be written, and ModelError
    if a weight is not finite."""
    from .network_weights import weights_to_bytes

    content = weights_to_bytes(state)

    def write_weights(file: Path) -> None:
        file.write_bytes(content)

    return student_of(write_model_folder(path, config, write_weights, model_card=model_card))
