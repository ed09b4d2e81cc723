"""Residual block with scale and shift from the embedding, and the changes of resolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import NetworkConfig
from .kernels import group_norm


def zero_parameters(module: nn.Module) -> None:
    """Set every parameter to zero, so that a fresh residual branch starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


def _plain_norm(norm: nn.Module, x: Tensor) -> Tensor:
    out: Tensor = norm(x)
    return out


def input_activation(config: NetworkConfig) -> nn.Module:
    """What stands between a normalisation of the input and the convolution after it."""
    return nn.SiLU() if config.input_activation else nn.Identity()


class ResidualBlock(nn.Module):
    """`[N, channels_in, H, W]` to `[N, channels_out, H, W]`, modulated by the embedding `[N, E]`.

    In the reference's network the first normalisation is followed by the convolution directly; only the
    second, after scale and shift, has an activation.
    """

    def __init__(self, channels_in: int, channels_out: int, embedding: int, config: NetworkConfig) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(config.norm_groups, channels_in),
            input_activation(config),
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * channels_out))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(config.norm_groups, channels_out),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
        )
        zero_parameters(self.out_layers[3])
        self.skip_connection = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, embedding: Tensor, *, plain: bool = False) -> Tensor:
        """The block's output `[N, channels_out, H, W]`; `plain` follows the formula step by step, for comparison."""
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, dim=1)
        out: Tensor
        if plain or self.training or torch.is_grad_enabled():
            normalised = _plain_norm if plain else group_norm
            norm, *rest = self.in_layers
            h = normalised(norm, x)
            for layer in rest:
                h = layer(h)
            norm, *rest = self.out_layers
            h = normalised(norm, h) * (1 + scale) + shift
            for layer in rest:
                h = layer(h)
            out = self.skip_connection(x) + h
            return out
        # The same in place: for large maps, fetching fresh memory takes longer than the arithmetic.
        norm, activation, convolution = self.in_layers
        h = group_norm(norm, x)
        h = convolution(functional.silu(h, inplace=True) if isinstance(activation, nn.SiLU) else h)
        norm, *_, convolution = self.out_layers
        h = group_norm(norm, h)
        torch.addcmul(shift.to(h.dtype), h, (1 + scale).to(h.dtype), out=h)
        out = convolution(functional.silu(h, inplace=True))
        out += self.skip_connection(x)
        return out


class Downsample(nn.Module):
    """Halves height and width by a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, C, H/2, W/2]`."""
        out: Tensor = self.op(x)
        return out


class Upsample(nn.Module):
    """Doubles height and width by nearest neighbours, then convolves."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, C, 2H, 2W]`."""
        out: Tensor = self.conv(nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out
