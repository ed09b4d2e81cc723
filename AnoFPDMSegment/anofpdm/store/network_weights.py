"""The network's weights, to and from a model folder's safetensors file. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..core.errors import ModelError, OutputError
from ..core.plain_text import brief
from ..methods.registry import find_method
from ..network.config import NetworkConfig
from ..network.parameter_shapes import parameter_shapes
from ..network.unet import ConditionalUNet
from .model_config import ModelConfig
from .model_folder import ModelFolder, write_model_folder
from .noise_predictor_config import noise_predictor_config
from .weights_file import STORED_AS, check_fit, check_header_length, refuse_type, refuse_values

STORED_TYPES = {name: getattr(torch, name) for name in STORED_AS}


def load_network(folder: ModelFolder, device: torch.device | str = "cpu") -> ConditionalUNet:
    """The model's network in evaluation mode, float32 whatever the stored type, on `device`.

    Raises ModelError if the weights do not fit the configuration exactly or are not all finite.
    """
    return read_network(folder.weights, noise_predictor_config(folder).network, device)


def read_network(path: Path, config: NetworkConfig, device: torch.device | str = "cpu") -> ConditionalUNet:
    """The network of a file of weights, as `load_network` gives it. Raises ModelError."""
    network = empty_network(config)
    network.load_state_dict(read_weights(path, parameter_shapes(config)), strict=True, assign=True)
    return network.to(device).eval()


def save_weights(state: Mapping[str, Tensor], path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the network's state as safetensors of the given floating-point type.

    Raises ModelError if a value is not finite (in that type), OutputError if the file cannot be
    written.
    """
    if dtype not in STORED_TYPES.values():
        raise ValueError(f"weights are stored as {', '.join(STORED_TYPES)}, not {dtype}")
    tensors = {name: tensor.detach().to("cpu", dtype, copy=True).contiguous() for name, tensor in state.items()}
    for name, tensor in tensors.items():
        _check_finite(name, tensor)
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except (OSError, SafetensorError) as error:
        raise OutputError(f"The weights could not be written to {path} ({error}).") from error


def write_model(
    path: str | Path,
    config: ModelConfig,
    state: Mapping[str, Tensor],
    *,
    model_card: str,
    calibration: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> ModelFolder:
    """Write a new model folder with these weights; see `write_model_folder` and `save_weights`.

    Raises ModelError also if the weights do not fit the configuration as its method reads it.
    """
    shapes = find_method(config.method).parameter_shapes(config)
    check_fit({name: tuple(tensor.shape) for name, tensor in state.items()}, shapes)
    return write_model_folder(
        path,
        config,
        lambda file: save_weights(state, file, dtype),
        model_card=model_card,
        calibration=calibration,
    )


def empty_network(config: NetworkConfig) -> ConditionalUNet:
    """The network's structure without memory for its weights."""
    with torch.device("meta"), _Uninitialised():
        return ConditionalUNet(config)


class _Uninitialised(TorchFunctionMode):
    """Within, parameters get no initial values: for those of the meta device torch would load its compiler."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _DRAWING:
            return args[0]
        if getattr(func, "__module__", "") == nn.init.__name__:
            return (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


_DRAWING = (Tensor.normal_, Tensor.uniform_)


def read_weights(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors of a file that holds exactly these, float32 whatever the stored type. Raises ModelError."""
    check_header_length(path)
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            check_fit({name: tuple(file.get_slice(name).get_shape()) for name in names}, shapes)
            # Copies, so that the file is not kept open while the network lives.
            tensors = {name: _to_float32(name, file.get_tensor(name)) for name in names}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The weights {path} cannot be read ({brief(error)}); install the model again.") from error
    for name, tensor in tensors.items():
        _check_finite(name, tensor)
    return tensors


def _to_float32(name: str, tensor: Tensor) -> Tensor:
    if tensor.dtype not in STORED_TYPES.values():
        raise refuse_type(name, str(tensor.dtype))
    return tensor.to(torch.float32, copy=True)


def _check_finite(name: str, tensor: Tensor) -> None:
    if not torch.isfinite(tensor).all():
        raise refuse_values(name)
