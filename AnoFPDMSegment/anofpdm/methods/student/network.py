"""The student's network: a U-Net on pixels of 2 x 2, which looks at both sides of the head at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .parameter_shapes import OUTPUTS, PATCH

LESION, BRAIN = 0, 1


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, around which the input is carried."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.first_norm: nn.Module = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm: nn.Module = nn.BatchNorm2d(outputs)
        self.carry: nn.Module = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] to [B, outputs, h, w]."""
        h = functional.silu(self.first_norm(self.first(x)))
        h = self.second_norm(self.second(h))
        return functional.silu(h + self.carry(x))


class OtherSide(nn.Module):
    """Adds what lies at the mirrored place: a healthy head looks alike on both sides, a lesion seldom does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] of a head about upright in the picture."""
        return functional.silu(x + self.norm(self.mix(torch.cat([x, x.flip(-1)], dim=1))))


class StudentNetwork(nn.Module):
    """[B, channels, H, W] to logits [B, 2, H, W] of lesion and brain; H and W divisible by 2^(levels)."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.stem = ConvBlock(channels * PATCH**2, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 2, stride=2, bias=False), nn.BatchNorm2d(b), nn.SiLU(), ConvBlock(b, b))
            for a, b in itertools.pairwise(widths)
        )
        self.sides = nn.ModuleList(
            OtherSide(width) if level >= 1 else nn.Identity() for level, width in enumerate(widths)
        )
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1, bias=False) for a, b in itertools.pairwise(widths))
        self.merge = nn.ModuleList(ConvBlock(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(widths[0], OUTPUTS * PATCH**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        h = self.sides[0](self.stem(functional.pixel_unshuffle(x, PATCH)))
        kept = [h]
        for down, side in zip(self.down, list(self.sides)[1:], strict=True):
            h = side(down(h))
            kept.append(h)
        h = kept.pop()
        for up, merge in zip(reversed(self.up), reversed(self.merge), strict=True):
            # Convolving before enlarging costs a quarter and gives the same.
            h = functional.interpolate(up(h), scale_factor=2, mode="nearest")
            h = merge(torch.cat([kept.pop(), h], dim=1))
        return functional.pixel_shuffle(self.head(h), PATCH)
