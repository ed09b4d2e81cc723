"""Finding the models that a fused one joins. Torch-free."""

from __future__ import annotations

from ...core.errors import ModelError
from ...store.model_folder import ModelFolder, open_model_folder
from ...store.model_search import find_model_of_weights
from .model_config import Part


def open_part(part: Part, folder: ModelFolder, *, verify_weights: bool = True) -> ModelFolder:
    """The part's model, beside the fused one or in the list, its files checked. Raises ModelError."""
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
