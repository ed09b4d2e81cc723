"""What was taken off before the image came: the skull (exactly or with a margin), the face, part of the view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .plane_waves import PlaneWaves
from .sampled_head import SampledHead

MARGIN_MM = (-1.0, 6.0)
RAGGED_WAVELENGTH_MM = (14.0, 40.0)


@dataclass(frozen=True)
class Removal:
    """`margin_mm`: what is kept around the brain; None: the whole head. `ragged`: how the margin wavers, in mm.

    `face_mm`: where the face was cut away, in mm before the middle of the head; None: it is there.
    `cut`: rows or columns missing at each side (front, back, right, left), as a share of the picture.
    """

    margin_mm: float | None
    ragged: PlaneWaves | None
    ragged_mm: float
    face_mm: float | None
    cut: tuple[float, float, float, float]


def draw_removal(rng: np.random.Generator, stripped: bool) -> Removal:
    """Draw one. Of stripped heads half are cut at the brain's border, the rest with a ragged margin."""
    if stripped:
        exact = rng.random() < 0.5
        return Removal(
            margin_mm=float(rng.uniform(-0.5, 1.0) if exact else rng.uniform(*MARGIN_MM)),
            ragged=PlaneWaves.random(rng, 16, RAGGED_WAVELENGTH_MM),
            ragged_mm=float(0.3 if exact else rng.uniform(0.5, 3.0)),
            face_mm=None,
            cut=(0.0,) * 4,
        )
    face = float(rng.uniform(30, 60)) if rng.random() < 0.15 else None
    cut = [0.0] * 4
    if rng.random() < 0.06:
        cut[int(rng.integers(4))] = float(rng.uniform(0.15, 0.32))
    return Removal(None, None, 0.0, face, (cut[0], cut[1], cut[2], cut[3]))


def kept(head: SampledHead, removal: Removal) -> torch.Tensor | None:
    """Which pixels are left [slices, rows, columns] as 0 or 1; None: all of them."""
    slab = head.slab
    if removal.margin_mm is not None and removal.ragged is not None:
        hull = head.mean(head.hull_mm())
        return (hull > -removal.margin_mm + removal.ragged_mm * slab.field(removal.ragged)).float()
    if removal.face_mm is None and not any(removal.cut):
        return None
    mask = torch.ones(slab.shape)
    if removal.face_mm is not None:
        hull = head.mean(head.hull_mm())
        y, z = torch.from_numpy(slab.across), torch.from_numpy(slab.slice_z)
        # A slanting plane: more is taken away further down.
        before = (y[None, :] < -removal.face_mm + 0.4 * z[:, None]) & (z[:, None] < 0)
        mask[before[:, :, None] & (hull < -4)] = 0
    front, back, right, left = (round(share * slab.matrix) for share in removal.cut)
    mask[:, :front] = 0
    mask[:, slab.matrix - back :] = 0
    mask[:, :, :right] = 0
    mask[:, :, slab.matrix - left :] = 0
    return mask
