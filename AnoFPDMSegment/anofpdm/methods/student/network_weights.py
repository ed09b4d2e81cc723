"""The student's weights: to and from safetensors, and folded for speed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ...core.errors import ModelError
from ...core.plain_text import brief
from ...store.weights_file import check_header_length
from .network import ConvBlock, OtherSide, StudentNetwork

COUNTER = "num_batches_tracked"
"""Of batch normalisation; needed by nothing here."""


def weights_to_bytes(state: Mapping[str, Tensor]) -> bytes:
    """A safetensors file: convolutions in bfloat16, what normalises in float32. Raises ModelError if not finite."""
    tensors = {}
    for name, value in state.items():
        if name.endswith(COUNTER):
            continue
        kind = torch.bfloat16 if value.ndim > 1 else torch.float32
        tensors[name] = value.detach().to("cpu", kind).contiguous()
        if not bool(torch.isfinite(tensors[name]).all()):
            raise ModelError(f"The weights are damaged: {name} holds values that are not finite numbers.")
    return bytes(safetensors.torch.save(tensors))


def read_weights(network: StudentNetwork, path: Path) -> None:
    """Fill the network. Raises ModelError if the file is damaged, does not fit, or holds what is not finite."""
    check_header_length(path)
    try:
        tensors = safetensors.torch.load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"The weights {path} cannot be read ({brief(error)}); install the student again.") from error
    wanted = {name: value for name, value in network.state_dict().items() if not name.endswith(COUNTER)}
    for name in sorted(wanted.keys() ^ tensors.keys()):
        raise ModelError(f"The weights {path} do not fit the student's network: {name} has no counterpart.")
    for name, value in tensors.items():
        if value.shape != wanted[name].shape:
            raise ModelError(f"The weights {path} do not fit the student's network: {name} has another shape.")
        if not bool(torch.isfinite(value).all()):
            raise ModelError(f"The weights {path} are damaged: {name} holds values that are not finite numbers.")
    network.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)


@torch.no_grad()
def folded(network: StudentNetwork) -> StudentNetwork:
    """The same network in evaluation mode with its normalisations taken into the convolutions; changes it in place."""
    network.eval()
    for module in list(network.modules()):
        if isinstance(module, ConvBlock):
            module.first, module.first_norm = _fold(module.first, module.first_norm)
            module.second, module.second_norm = _fold(module.second, module.second_norm)
        elif isinstance(module, OtherSide):
            module.mix, module.norm = _fold(module.mix, module.norm)
        elif isinstance(module, nn.Sequential):
            module[0], module[1] = _fold(module[0], module[1])
    return network


def _fold(convolution: nn.Module, norm: nn.Module) -> tuple[nn.Conv2d, nn.Identity]:
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm), nn.Identity()
