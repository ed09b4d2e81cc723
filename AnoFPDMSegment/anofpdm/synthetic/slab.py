"""The grid that a head is rendered on, and fields sampled on it. Torch on one thread does the heavy lifting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from .plane_waves import Float32Array, PlaneWaves

COARSE_PIXELS = 4
"""Smooth fields are worked out at every so many pixels and interpolated between."""
IDENTITY = np.eye(3, dtype=np.float32)


@dataclass(frozen=True)
class Slab:
    """A stack of slices, in the head's frame: millimetres along x (+L), y (+P), z (+S) from the stack's middle.

    `thickness_mm` of each slice is the mean of `planes` planes; `spacing_mm` apart.
    """

    matrix: int
    pixel_mm: float
    slices: int
    spacing_mm: float
    thickness_mm: float
    planes: int
    center_z_mm: float = 0.0
    """Where the stack's middle lies, from the middle of the brain."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return (self.slices, self.matrix, self.matrix)

    @property
    def across(self) -> Float32Array:
        """Millimetres [matrix] of the pixels' centers along x or y."""
        return ((np.arange(self.matrix) - (self.matrix - 1) / 2) * self.pixel_mm).astype(np.float32)

    @property
    def slice_z(self) -> Float32Array:
        """Millimetres [slices] of the slices' middles, from the middle of the brain."""
        middle = (np.arange(self.slices) - (self.slices - 1) / 2) * self.spacing_mm
        return (middle + self.center_z_mm).astype(np.float32)

    @property
    def plane_z(self) -> Float32Array:
        """Millimetres [slices * planes] of the planes that slices are made of, in order."""
        within = ((np.arange(self.planes) - (self.planes - 1) / 2) / self.planes * self.thickness_mm).astype(np.float32)
        return (self.slice_z[:, None] + within).ravel()

    @property
    def coarse_across(self) -> Float32Array:
        """Millimetres of the coarse grid along x or y; its ends are the fine grid's."""
        count = -(-self.matrix // COARSE_PIXELS) + 1
        return np.linspace(self.across[0], self.across[-1], count, dtype=np.float32)

    def coarse_field(self, waves: PlaneWaves, z: Float32Array) -> Float32Array:
        """The field [len(z), h, w] on the coarse grid."""
        return waves.on_grid(self.coarse_across, self.coarse_across, z, IDENTITY)

    def refine(self, coarse: npt.ArrayLike) -> torch.Tensor:
        """[N, h, w] on the coarse grid to [N, matrix, matrix], linearly."""
        field = torch.as_tensor(np.asarray(coarse, np.float32))[None]
        return functional.interpolate(field, (self.matrix, self.matrix), mode="bilinear", align_corners=True)[0]

    def field(self, waves: PlaneWaves) -> torch.Tensor:
        """A smooth field [slices, matrix, matrix] with wavelengths well above the coarse grid's step."""
        return self.refine(self.coarse_field(waves, self.slice_z))

    def volume_ml(self, voxels: float) -> float:
        """Millilitres of a number of voxels; slices count with their spacing."""
        return voxels * self.pixel_mm**2 * self.spacing_mm / 1000
