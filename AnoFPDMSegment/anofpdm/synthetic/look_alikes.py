"""What is bright in a head without being a lesion."""

from __future__ import annotations

import numpy as np
import torch

from .anatomy import Anatomy
from .lesion_shapes import draw_blob, wavy_field


def add_look_alikes(rng: np.random.Generator, image: torch.Tensor, anatomy: Anatomy) -> torch.Tensor:
    """Add, each in some heads, on [slices, rows, columns] with white matter about 1.

    A thin bright rim along the ventricles, flow in ventricles and in fluid, bright vessels in sulci, symmetrical
    tracts and smooth unevenness of white matter, cortex brightened in broad patches on both sides.
    """
    if rng.random() < 0.5:
        width = rng.uniform(0.6, 1.6)
        rim = torch.exp(-((anatomy.ventricle_mm / width) ** 2)) * (1 - anatomy.ventricles)
        image = image + rng.uniform(0.05, 0.5) * rim * anatomy.tissue
    if rng.random() < 0.3:
        flow = torch.sigmoid(3 * (wavy_field(rng, anatomy, (15, 40)) - rng.uniform(0.3, 1.5)))
        image = image + rng.uniform(0.2, 1.4) * flow * anatomy.ventricles
    fluid = ((anatomy.hull_mm > -6) & (anatomy.hull_mm < 12)).float() * (1 - anatomy.tissue) * (1 - anatomy.ventricles)
    if rng.random() < 0.35:
        lines = torch.sigmoid(5 * (wavy_field(rng, anatomy, (15, 22)) - rng.uniform(0.8, 1.8)))
        image = image + rng.uniform(0.2, 1.3) * lines * fluid
    if rng.random() < 0.15:
        # Fluid that is not nulled over a part of the head: near the base, or where the field is uneven.
        uneven = torch.sigmoid(3 * (wavy_field(rng, anatomy, (80, 200)) - rng.uniform(0.0, 1.2)))
        image = image + rng.uniform(0.2, 0.9) * uneven * fluid
    if rng.random() < 0.6:
        symmetrical = wavy_field(rng, anatomy, (15, 70))
        symmetrical = 0.5 * (symmetrical + symmetrical.flip(2))
        image = image + rng.uniform(0.02, 0.09) * symmetrical * anatomy.white
    if rng.random() < 0.35:
        image = _add_tracts(rng, image, anatomy)
    if rng.random() < 0.3:
        patches = torch.sigmoid(3 * (wavy_field(rng, anatomy, (40, 90)) - rng.uniform(0.3, 1.2)))
        patches = 0.5 * (patches + patches.flip(2))
        image = image + rng.uniform(0.05, 0.25) * patches * anatomy.cortex
    texture = rng.uniform(0.0, 0.05) * wavy_field(rng, anatomy, (15, 60))
    return (image + texture * anatomy.tissue).clamp_(min=0)


def _add_tracts(rng: np.random.Generator, image: torch.Tensor, anatomy: Anatomy) -> torch.Tensor:
    """Tall narrow columns in the white matter of both sides, as the pyramidal tracts often show."""
    center = np.array([rng.uniform(-10, 25), rng.uniform(-5, 25), rng.uniform(16, 30)], np.float32)
    strength = float(rng.uniform(0.05, 0.2))
    volume = float(rng.uniform(0.3, 2.5))
    for side in (1, -1):
        blob = draw_blob(rng, center * np.array([1, 1, side], np.float32), volume, flat=0.3, wavy=0.1)
        share = blob.share(anatomy.slab)
        if share is not None:
            image = image.clone()
            image[share.box] += strength * share.values * anatomy.white[share.box]
    return image
