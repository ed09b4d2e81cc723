"""Small networks with weights that are all different from zero, for the tests of network and store."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.network.config import NetworkConfig
from anofpdm.network.unet import ConditionalUNet
from anofpdm.volumes.input_config import GridConfig

SMALL = NetworkConfig(
    image_size=16,
    in_channels=2,
    base_channels=32,
    channel_multipliers=(1, 2),
    residual_blocks=1,
    attention_px=(8,),
    heads=4,
)
SMALL_MODEL = DiffusionConfig(
    name="small", title="Small", modalities=("flair", "t2"), used=("flair",), network=SMALL, grid=GridConfig(matrix=16)
)


def random_weights(network: ConditionalUNet, seed: int = 0) -> ConditionalUNet:
    """Fill every parameter from numpy's legacy generator, whose numbers never change."""
    numbers = np.random.RandomState(seed)
    with torch.no_grad():
        for name, parameter in sorted(network.named_parameters()):
            values = numbers.standard_normal(tuple(parameter.shape)).astype(np.float32)
            fan_in = max(1, parameter[0].numel())
            offset = 1.0 if parameter.ndim == 1 and name.endswith("weight") else 0.0
            scale = 1.0 if name.startswith("label_emb") else 0.1 if parameter.ndim == 1 else fan_in**-0.5
            parameter.copy_(torch.from_numpy(offset + scale * values))
    return network


def random_network(config: NetworkConfig = SMALL, seed: int = 0) -> ConditionalUNet:
    """A network in evaluation mode."""
    return random_weights(ConditionalUNet(config), seed).eval()


def random_input(n: int, config: NetworkConfig = SMALL, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Noisy slices `[n, C, H, W]` and level indices `[n]`."""
    numbers = np.random.RandomState(seed)
    x = numbers.standard_normal((n, config.in_channels, config.image_size, config.image_size)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(numbers.randint(0, 1000, n))


def relative_difference(a: Tensor, b: Tensor) -> float:
    """Largest difference, relative to the largest value of `b`."""
    a, b = a.detach().double(), b.detach().double()
    return float((a - b).abs().max() / b.abs().max())
