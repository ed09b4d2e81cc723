"""A model that another one needs: recorded by the SHA-256 of its weights, so that nothing is kept twice. Torch-free."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..core.errors import ModelError
from ..core.names import is_plain_name
from ..core.records import require
from .model_folder import ModelFolder, open_model_folder
from .model_search import find_model_of_weights


@dataclass(frozen=True)
class ModelPart:
    """`weights_sha256` finds it, `model` names it in messages."""

    model: str
    weights_sha256: str

    def __post_init__(self) -> None:
        """Raises ModelError."""
        require(is_plain_name(self.model), "the model that it needs must have a plain name")
        known = re.fullmatch("[0-9a-f]{64}", self.weights_sha256) is not None
        require(known, "the model that it needs has no SHA-256 of its weights")


def open_model_part(part: ModelPart, folder: ModelFolder, *, verify_weights: bool = True) -> ModelFolder:
    """The model that the one in `folder` needs, beside it or in the list, all its files checked. Raises ModelError."""
    beside = folder.path.parent / part.model
    try:
        # Weights are read once, when it is known that they are the part's.
        found = open_model_folder(beside, verify_weights=False) if beside.is_dir() else None
        if found is None or found.weights_sha256 != part.weights_sha256:
            found = find_model_of_weights(part.weights_sha256)
        return open_model_folder(found.path, verify_weights=verify_weights)
    except ModelError as error:
        raise ModelError(
            f"{folder.config.name} needs the model {part.model}, which cannot be used ({str(error).rstrip('.')}); "
            "install it, too."
        ) from error
