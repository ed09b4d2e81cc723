"""Turns a checkpoint of the public reference code into a model folder. Needs torch.

The file is read with `weights_only`, so that no code in it can run, and its tensors must fit the
network exactly. What tensor shapes do not reveal (heads, image size) is given by the caller.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.errors import ModelError
from ...network.config import NetworkConfig
from ...network.parameter_shapes import parameter_shapes
from ...store.model_folder import ModelFolder, file_sha256
from ...store.network_weights import STORED_TYPES, write_model
from ...store.weights_file import check_fit
from ...volumes.input_config import Anatomy, GridConfig, PreprocessingConfig
from .model_config import DiffusionConfig
from .operating_point import OperatingPoint

OFFICIAL_STEPS = 600
"""The paper visits each of the first 600 of 1000 noise levels."""
OFFICIAL_GROUPS = 32
MARKER = "time_embed.0.weight"
PARALLEL_PREFIX = "module."


def import_official(
    checkpoint: str | Path,
    output_dir: str | Path,
    *,
    name: str,
    modalities: Sequence[str],
    used: Sequence[str],
    image_size: int = 128,
    heads: int = 4,
    healthy_label: int = 0,
    field_of_view_mm: float = 240.0,
    anatomy: Anatomy = "skull_stripped",
    title: str = "",
    trained_on: str = "",
    licence: str = "unspecified",
    non_commercial: bool = False,
    dtype: str = "float32",
) -> ModelFolder:
    """Write the model folder `output_dir` from an official checkpoint; the result is not calibrated.

    Preprocessing and forward process are set as in the reference: 99th percentile, then each slice
    stretched to its minimum and maximum; 600 visited steps. `modalities` names the input channels in
    the network's order. Raises ModelError if the file is no such checkpoint or does not fit,
    OutputError if the folder exists or cannot be written.
    """
    checkpoint = Path(checkpoint)
    if dtype not in STORED_TYPES:
        raise ModelError(f"Weights can be stored as {', '.join(STORED_TYPES)}, not as '{dtype}'.")
    state = read_official_state(checkpoint)
    network = infer_network(state, image_size=image_size, heads=heads)
    if network.in_channels != len(modalities):
        raise ModelError(
            f"The network of {checkpoint} takes {network.in_channels} modalities but {len(modalities)} were named "
            f"({', '.join(modalities)}); name them all, in the order of its training."
        )
    check_fit({key: tuple(tensor.shape) for key, tensor in state.items()}, parameter_shapes(network))
    config = DiffusionConfig(
        name=name,
        title=title or name,
        modalities=tuple(modalities),
        used=tuple(used),
        healthy_label=healthy_label,
        unhealthy_label=1 - healthy_label,
        network=network,
        grid=GridConfig(field_of_view_mm=field_of_view_mm, matrix=image_size),
        # The reference does not clip: its stretching of each slice undoes the division by the percentile.
        preprocessing=PreprocessingConfig(percentile=99.0, clip=False, per_slice_min_max=True, anatomy=anatomy),
        operating_point=OperatingPoint(steps=OFFICIAL_STEPS, first=1, last=OFFICIAL_STEPS),
        trained_on=trained_on,
        licence=licence,
        non_commercial=non_commercial,
        citation="AnoFPDM: Anomaly Detection with Forward Process of Diffusion Models for Brain MRI, arXiv 2404.15683",
        notes=f"Imported from a checkpoint with SHA-256 {file_sha256(checkpoint)}.",
    )
    card = _model_card(config, checkpoint, state)
    return write_model(output_dir, config, state, model_card=card, dtype=STORED_TYPES[dtype])


def read_official_state(checkpoint: str | Path) -> dict[str, Tensor]:
    """The network's tensors (float32) from a checkpoint: a state dictionary, plain or nested in another.

    Among several nested ones the one whose name contains "ema" is taken. Raises ModelError.
    """
    checkpoint = Path(checkpoint)
    content = _load_without_code(checkpoint)
    candidates = {key: _without_prefix(state) for key, state in _state_dictionaries(content).items()}
    candidates = {key: state for key, state in candidates.items() if MARKER in state}
    if len(candidates) > 1:
        averaged = {key: state for key, state in candidates.items() if "ema" in key.lower()}
        if len(averaged) != 1:
            raise ModelError(
                f"{checkpoint} holds several networks ({', '.join(sorted(candidates))}); save the one to import "
                "as a file of its own."
            )
        candidates = averaged
    if not candidates:
        raise ModelError(f"{checkpoint} holds no network of the reference code; give its 'model' or 'ema' checkpoint.")
    (state,) = candidates.values()
    for key, tensor in state.items():
        if not tensor.is_floating_point():
            raise ModelError(f"{checkpoint} holds {key} as {tensor.dtype}, so it is not a network's checkpoint.")
    return {key: tensor.to(torch.float32) for key, tensor in state.items()}


def infer_network(state: Mapping[str, Tensor], *, image_size: int, heads: int) -> NetworkConfig:
    """The network's configuration as far as the tensors' shapes tell it. Raises ModelError."""
    first, labels = state.get("input_blocks.0.0.weight"), state.get("label_emb.weight")
    if first is None or first.ndim != 4:
        raise ModelError("The checkpoint lacks input_blocks.0.0.weight, so it is not a network of the reference code.")
    if labels is None or labels.ndim != 2 or len(labels) != 2:
        raise ModelError("The checkpoint's network does not know the two labels healthy and unhealthy.")
    base, in_channels = int(first.shape[0]), int(first.shape[1])
    if "out.2.weight" in state and len(state["out.2.weight"]) == 2 * in_channels:
        raise ModelError("The checkpoint's network also learned the noise's variance, which is not supported.")
    widths, blocks, attention = _levels(state)
    if len(set(blocks)) != 1 or any(width % base for width in widths):
        raise ModelError("The checkpoint's network is built otherwise than the reference's 'unet v2'.")
    return NetworkConfig(
        image_size=image_size,
        in_channels=in_channels,
        base_channels=base,
        channel_multipliers=tuple(width // base for width in widths),
        residual_blocks=blocks[0],
        attention_px=tuple(image_size >> level for level in sorted(attention)),
        heads=heads,
        norm_groups=OFFICIAL_GROUPS,
        label_tokens=any(key.endswith(".encoder_kv.weight") for key in state),
        level_embedding=False,
    )


def _levels(state: Mapping[str, Tensor]) -> tuple[list[int], list[int], set[int]]:
    """Width and number of residual blocks of each level, and the levels with attention."""
    widths: list[int] = [0]
    blocks: list[int] = [0]
    attention: set[int] = set()
    index = 1
    while True:
        convolution = state.get(f"input_blocks.{index}.0.in_layers.2.weight")
        if convolution is not None:
            widths[-1] = int(convolution.shape[0])
            blocks[-1] += 1
            if f"input_blocks.{index}.1.qkv.weight" in state:
                attention.add(len(widths) - 1)
        elif f"input_blocks.{index}.0.op.weight" in state:
            widths.append(0)
            blocks.append(0)
        else:
            return widths, blocks, attention
        index += 1


def _load_without_code(checkpoint: Path) -> Any:
    if not checkpoint.is_file():
        raise ModelError(f"The checkpoint {checkpoint} does not exist; check the path.")
    _refuse_packed(checkpoint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(checkpoint, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if zipfile.is_zipfile(checkpoint) or "GLOBAL" in str(error):
            raise ModelError(
                f"{checkpoint} holds pickled objects besides tensors, which could run code, and was not opened; "
                "save its state dictionary alone."
            ) from error
        raise ModelError(f"{checkpoint} is not a PyTorch checkpoint.") from error
    except PermissionError as error:
        raise ModelError(f"The checkpoint {checkpoint} cannot be read ({error.strerror}).") from error
    except Exception as error:  # a damaged file fails in many ways, down to KeyError for an unknown pickle code
        raise ModelError(f"{checkpoint} is not a PyTorch checkpoint, or is cut off or damaged.") from error


def _refuse_packed(checkpoint: Path) -> None:
    """PyTorch packs nothing; what is packed may unpack to a thousand times its size. Raises ModelError."""
    try:
        if not zipfile.is_zipfile(checkpoint):
            return
        with zipfile.ZipFile(checkpoint) as archive:
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ModelError(f"{checkpoint} is not a PyTorch checkpoint, or is cut off or damaged.") from error
    if packed:
        raise ModelError(f"{checkpoint} is a packed zip file, which no PyTorch checkpoint is; unpack it first.")


def _state_dictionaries(content: Any) -> dict[str, dict[str, Tensor]]:
    """Dictionaries of tensors in `content`, by their key; the content itself under the empty key."""
    if not isinstance(content, Mapping):
        return {}
    found = {"": content, **{str(key): value for key, value in content.items() if isinstance(value, Mapping)}}
    return {
        key: dict(value)
        for key, value in found.items()
        if value and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in value.items())
    }


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    if all(key.startswith(PARALLEL_PREFIX) for key in state):
        return {key.removeprefix(PARALLEL_PREFIX): tensor for key, tensor in state.items()}
    return state


def _model_card(config: DiffusionConfig, checkpoint: Path, state: Mapping[str, Tensor]) -> str:
    parameters = sum(tensor.numel() for tensor in state.values())
    return f"""# {config.title}

Imported from the checkpoint `{checkpoint.name}` of the public AnoFPDM reference code.

- Input: {", ".join(config.modalities)}; maps and scalars from {", ".join(config.used)}
- Network: {parameters / 1e6:.2f} million parameters, {config.network.image_size} px
- Trained on: {config.trained_on or "not stated"}
- Licence: {config.licence}{" (non-commercial use only)" if config.non_commercial else ""}

The model is **not calibrated**: thresholds of the reference code do not carry over. Calibrate it on
validation slices of your own before use. Not a medical device.
"""
