"""Paints lesions into images whose anatomy is known, at least roughly: rendered heads, and real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .anatomy import Anatomy
from .lesion_kinds import Kind, Plan, draw_push, make_lesion
from .lesion_shapes import wavy_field
from .mass_effect import Push

MOST_TEXTURE = 0.08


@dataclass(frozen=True)
class PaintedLesion:
    """One lesion as it came out.

    `extent`: share of each pixel [slices, rows, columns]; `contrast`: by how much it changed the image on average,
    in the image's units.
    """

    kind: Kind
    volume_ml: float
    extent: torch.Tensor
    contrast: float


@dataclass(frozen=True)
class Painted:
    """`image` and `extent` [slices, rows, columns]: the picture with lesions, and how much of each pixel they take."""

    image: torch.Tensor
    extent: torch.Tensor
    lesions: tuple[PaintedLesion, ...]


def draw_pushes(rng: np.random.Generator, plans: Sequence[Plan], anatomy: Anatomy) -> list[Push | None]:
    """One entry a plan: where its mass sits; None for other kinds, and where there is no room."""
    return [draw_push(rng, planned, anatomy) if planned.kind == "mass" else None for planned in plans]


def paint(
    rng: np.random.Generator,
    image: torch.Tensor,
    anatomy: Anatomy,
    plans: Sequence[Plan],
    pushes: Sequence[Push | None],
    white: torch.Tensor | float = 1.0,
) -> Painted:
    """Paint what was planned onto `image` [slices, rows, columns], in which white matter is `white` bright.

    `anatomy` is that of the image, after the masses among `plans` have pushed (`pushes`, one entry a plan).
    Lesions for which this slab has no place are left out.
    """
    lesions = [
        lesion
        for planned, push in zip(plans, pushes, strict=True)
        if (lesion := make_lesion(rng, planned, anatomy, push)) is not None
    ]
    texture = 1 + rng.uniform(0, MOST_TEXTURE) * wavy_field(rng, anatomy, (15, 30)) if lesions else None
    image = image.clone()
    total = torch.zeros_like(image)
    painted = []
    for lesion in lesions:
        extent = torch.zeros_like(image)
        outermost = lesion.layers[0].share.box
        before = image[outermost].clone()
        for layer in lesion.layers:
            box, share = layer.share.box, layer.share.values
            level = white if isinstance(white, float) else white[box]
            assert texture is not None
            excess = layer.excess * level * texture[box]
            old = image[box]
            changed = layer.opacity * (level + excess) + (1 - layer.opacity) * (old + excess)
            image[box] = (old + share * (changed - old)).clamp(min=0)
            extent[box] = torch.maximum(extent[box], share)
        total_share = float(extent.sum())
        if total_share > 0:
            contrast = float((image[outermost] - before).abs().sum()) / total_share
            painted.append(PaintedLesion(lesion.kind, anatomy.slab.volume_ml(total_share), extent, contrast))
            total = torch.maximum(total, extent)
    return Painted(image, total, tuple(painted))
