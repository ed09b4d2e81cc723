"""Simplex noise of several octaves as AnoDDPM trains with (Wyatt et al. 2022), all slices and pixels at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

OCTAVES = 6
PERSISTENCE = 0.8
FIRST_WAVELENGTH = 0.25
"""Of the lowest octave, as a share of the frame: 64 pixels of the 256 that the method was described with."""
SINGLE_DEVIATION = 0.3806
"""Standard deviation of one octave over all places and gradients, whatever its wavelength."""
_TABLE = 256
_SKEW = (math.sqrt(3) - 1) / 2
_UNSKEW = (3 - math.sqrt(3)) / 6
_DIRECTIONS = 16
_PEAK = 70.0
"""Brings one octave to about -1..1."""


def simplex_noise(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Noise [N, C, H, W], float32, of mean 0 and variance 1 over all noises; each slice and channel has its own.

    Every octave halves the wavelength and has `PERSISTENCE` times the amplitude of the one before.
    """
    n, c, height, width = shape
    images = n * c
    total = torch.zeros(images, height, width, dtype=torch.float32)
    power = 0.0
    for octave in range(OCTAVES):
        wavelength = max(height, width) * FIRST_WAVELENGTH / 2**octave
        amplitude = PERSISTENCE**octave
        total += amplitude * _octave(images, height, width, wavelength, generator)
        power += (amplitude * SINGLE_DEVIATION) ** 2
    return (total / math.sqrt(power)).float().reshape(n, c, height, width)


def _octave(images: int, height: int, width: int, wavelength: float, generator: torch.Generator) -> Tensor:
    """One octave [images, H, W]: gradients on a triangular lattice, faded with distance."""
    table = torch.rand(images, _TABLE, generator=generator).argsort(dim=1)
    shift = torch.rand(images, 2, generator=generator, dtype=torch.float32) * _TABLE
    y = torch.arange(height, dtype=torch.float32)[None, :, None] / wavelength + shift[:, 0, None, None]
    x = torch.arange(width, dtype=torch.float32)[None, None, :] / wavelength + shift[:, 1, None, None]
    skew = (x + y) * _SKEW
    column, row = (x + skew).floor(), (y + skew).floor()
    unskew = (column + row) * _UNSKEW
    near_x, near_y = x - (column - unskew), y - (row - unskew)
    right = near_x > near_y  # which of the two triangles of the cell
    corners = (
        (torch.zeros_like(near_x), torch.zeros_like(near_x)),
        (right.float(), (~right).float()),
        (torch.ones_like(near_x), torch.ones_like(near_x)),
    )
    total = torch.zeros_like(near_x)
    for across, down in corners:
        dx = near_x - across + (across + down) * _UNSKEW
        dy = near_y - down + (across + down) * _UNSKEW
        fade = (0.5 - dx * dx - dy * dy).clamp(min=0) ** 4
        angle = _hashed(table, column + across, row + down) * (2 * math.pi / _DIRECTIONS)
        total += fade * (angle.cos() * dx + angle.sin() * dy)
    return _PEAK * total


def _hashed(table: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """The number of the gradient's direction at lattice points [images, H, W]."""
    images = len(table)
    first = table.gather(1, (row.long() % _TABLE).reshape(images, -1))
    second = table.gather(1, (first + column.long().reshape(images, -1)) % _TABLE)
    return (second % _DIRECTIONS).reshape(column.shape).float()
