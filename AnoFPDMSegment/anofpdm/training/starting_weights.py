"""The first weights of a run that continues from a trained model (fine-tuning)."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ..core.errors import ModelError, SettingsError
from ..network.config import NetworkConfig
from ..network.parameter_shapes import parameter_shapes
from ..store.model_folder import open_model_folder
from ..store.network_weights import load_network
from ..store.weights_file import check_fit

LEVEL_PREFIX = "level_embed."


def starting_weights(model: str | Path, network: NetworkConfig) -> dict[str, Tensor]:
    """The state of a network of this configuration, taken from the model folder `model`.

    A model with level embedding starts a network without: it has learned slices whose level is withheld.

    Raises ModelError if the folder is damaged, SettingsError if its network is not the configured one.
    """
    folder = open_model_folder(model)
    state = load_network(folder).state_dict()
    if not network.level_embedding:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(LEVEL_PREFIX)}
    try:
        check_fit({name: tuple(tensor.shape) for name, tensor in state.items()}, parameter_shapes(network))
    except ModelError as error:
        raise SettingsError(
            f"The network of {folder.path} is not the configuration's; "
            f"give its settings under model.network, or another model to start from. {error}"
        ) from error
    return state
