"""Soft shapes of a given volume: blobs with wavy borders, and level sets of fields such as the ventricles' distance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from .anatomy import Anatomy
from .plane_waves import Float32Array, PlaneWaves
from .slab import IDENTITY, Slab

Box = tuple[slice, slice, slice]
BISECTIONS = 14
MOST_EDGE = 0.7
"""A level set's border is at most this share of its depth wide."""


@dataclass(frozen=True)
class Share:
    """How much of each pixel in `box` a shape takes: `values` [z, y, x], 0 to 1."""

    box: Box
    values: torch.Tensor

    def volume_ml(self, slab: Slab) -> float:
        """Its volume."""
        return slab.volume_ml(float(self.values.sum()))

    def full(self, slab: Slab) -> torch.Tensor:
        """It on the whole slab [slices, rows, columns]."""
        field = torch.zeros(slab.shape)
        field[self.box] = self.values
        return field

    def times(self, field: torch.Tensor) -> Share:
        """The part of it within a field [slices, rows, columns] of shares."""
        return Share(self.box, self.values * field[self.box])


@dataclass(frozen=True)
class Blob:
    """An ellipsoid with a wavy border.

    `center` (z, y, x) mm; `axes` [3, 3]: rows are its unit axes; `radii` [3] mm along them; `waves` displace the
    border by `wavy` times the mean radius; `edge_mm`: width of the border.
    """

    center: Float32Array
    axes: Float32Array
    radii: Float32Array
    waves: PlaneWaves
    wavy: float
    edge_mm: float

    @property
    def radius(self) -> float:
        """Mean radius in mm."""
        return float(np.prod(self.radii) ** (1 / 3))

    def share(self, slab: Slab, scale: float = 1.0) -> Share | None:
        """Its share of the slab's pixels, `scale` times as wide; None where it lies outside the slab."""
        reach = scale * float(self.radii.max()) * (1 + 2 * self.wavy) + self.edge_mm
        rows = _span(slab.across, self.center[1], reach)
        columns = _span(slab.across, self.center[2], reach)
        half = reach + slab.thickness_mm / 2
        slices = _span(slab.slice_z, self.center[0], half)
        if min(rows.stop - rows.start, columns.stop - columns.start, slices.stop - slices.start) <= 0:
            return None
        planes = slab.plane_z[slices.start * slab.planes : slices.stop * slab.planes]
        y, x = slab.across[rows], slab.across[columns]
        offset = np.stack(
            np.broadcast_arrays(
                (planes - self.center[0])[:, None, None],
                (y - self.center[1])[None, :, None],
                (x - self.center[2])[None, None, :],
            )
        ).reshape(3, -1)
        along = (self.axes / self.radii[:, None]) @ offset
        ratio = np.sqrt(np.einsum("ij,ij->j", along, along)).reshape(len(planes), len(y), len(x))
        if self.wavy:
            ratio += np.float32(self.wavy) * self.waves.on_grid(
                x - self.center[2], y - self.center[1], planes - self.center[0], IDENTITY
            )
        width = max(self.edge_mm, slab.pixel_mm)
        inside = np.clip((scale - ratio) * np.float32(self.radius / width) + np.float32(0.5), 0, 1)
        values = torch.from_numpy(inside.astype(np.float32))
        if slab.planes > 1:
            values = values.view(-1, slab.planes, len(y), len(x)).mean(1)
        return Share((slices, rows, columns), values)


MOST_WIDENING = 1.6
CLOSE_ENOUGH = 0.9


def widening(blob: Blob, slab: Slab, allowed: torch.Tensor) -> float:
    """How much wider a blob must be, so that its part within `allowed` (shares) has the volume that the blob has.

    What lies outside the slab is not made up for.
    """
    scale, whole = 1.0, blob.share(slab)
    share = whole
    for _ in range(3):
        if whole is None or share is None:
            break
        kept = share.times(allowed).volume_ml(slab) / max(whole.volume_ml(slab), 1e-9)
        if kept <= 0 or scale >= MOST_WIDENING or kept > CLOSE_ENOUGH:
            break
        scale = min(MOST_WIDENING, scale * kept ** (-1 / 3))
        share = blob.share(slab, scale)
    return scale


def draw_blob(
    rng: np.random.Generator, center: Float32Array, volume_ml: float, *, flat: float = 0.3, wavy: float = 0.15
) -> Blob:
    """Draw a blob of about this volume. `flat`: standard deviation of the logarithm of its radii's ratios."""
    wavy = wavy * float(rng.uniform(0.3, 1.6))
    # A wavy border encloses more than a smooth one: the mean of (1 + wavy * waves)^3.
    radius = (volume_ml * 1000 / (4 / 3 * math.pi) / (1 + 3 * wavy**2)) ** (1 / 3)
    ratios = np.exp(rng.normal(0, flat, 3))
    radii = radius * ratios / np.prod(ratios) ** (1 / 3)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    span = (max(0.7 * radius, 3.0), max(2.5 * radius, 6.0))
    return Blob(
        center=center,
        axes=axes.astype(np.float32),
        radii=radii.astype(np.float32),
        waves=PlaneWaves.random(rng, 24, span),
        wavy=wavy,
        edge_mm=float(min(rng.uniform(0.5, 3.5), max(0.6 * radius, 0.5))),
    )


def level_set(field: torch.Tensor, allowed: torch.Tensor, slab: Slab, volume_ml: float, edge: float) -> Share | None:
    """Where `field` [slices, rows, columns] is lowest within `allowed` (shares): `volume_ml`, at most all of it.

    `edge`: width of the border in the field's units; narrower where the shape would be nothing but border.
    """
    inside = allowed > 0.05
    values, weights = field[inside], allowed[inside]
    if not len(values):
        return None
    wanted = min(volume_ml / slab.volume_ml(1), 0.98 * float(weights.sum()))
    ordered, order = torch.sort(values)
    sums = torch.cumsum(weights[order], 0)
    lowest, level = float(ordered[0]), float(ordered[min(int(torch.searchsorted(sums, wanted)), len(ordered) - 1)])
    edge = min(edge, max(MOST_EDGE * (level - lowest), 1e-3))
    low, high = lowest - edge, float(ordered[-1]) + edge
    for _ in range(BISECTIONS):
        level = (low + high) / 2
        total = float((((level - values) / edge + 0.5).clamp_(0, 1) * weights).sum())
        low, high = (level, high) if total < wanted else (low, level)
    share = ((level - field) / edge + 0.5).clamp_(0, 1) * allowed
    return Share((slice(0, slab.slices), slice(0, slab.matrix), slice(0, slab.matrix)), share)


def wavy_field(rng: np.random.Generator, anatomy: Anatomy, wavelength_mm: tuple[float, float]) -> torch.Tensor:
    """A random field [slices, rows, columns] with standard deviation 1; longer waves than the coarse grid's step."""
    return anatomy.slab.field(PlaneWaves.random(rng, 24, wavelength_mm))


def _span(axis: Float32Array, center: float, reach: float) -> slice:
    start = int(np.searchsorted(axis, center - reach))
    stop = int(np.searchsorted(axis, center + reach, side="right"))
    return slice(start, stop)
