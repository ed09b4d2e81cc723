"""Lesions outlined in the images, at both dates by one threshold, where the images show that something changed.

What a method marks at either date, and the regions of the change map beside it, are where a lesion lies or lay. It is
what is there brighter than halfway between the tissue around and the lesion itself, at either date by the same
threshold, so that its volumes compare. It goes on into what is as bright and near, but not into what runs on into the
head's rim. A part counts only where it reaches most of the lesion's brightness: cortex does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..volumes.bounding_box import Box, bounding_box, grown
from .change_regions import connected
from .matching import Labels
from .registered_images import RegisteredImages, depth_mm

LESION_PERCENTILE = 90.0
"""Of what stands out at the brighter date: the lesion's own brightness, beside its borders."""
HALF, CORE = 0.5, 0.7
"""Of that brightness: the outline, and what a part must reach."""
GROWTH_MM = 6.0
"""How far from what is marked or changed the outline may go."""


@dataclass(frozen=True)
class Outlines:
    """The parts of a lesion at the baseline and at the later date, numbered from 1, in a box of the voxels."""

    box: Box
    parts: tuple[Labels, Labels]


def outlines(images: RegisteredImages, limit: FloatArray, place: BoolArray, others: BoolArray) -> Outlines:
    """What the images show of one lesion.

    Args, all [k, j, i]:
        limit: `change_regions.change_limit`.
        place: what either date marks of it, and what changed there.
        others: what belongs to other lesions.
    """
    if not place.any():
        nothing = np.zeros((1, 1, 1), dtype=np.int32)
        return Outlines((slice(0, 1),) * 3, (nothing, nothing))
    margin = int(GROWTH_MM / min(images.spacing_mm)) + 1
    box = grown(bounding_box(place), margin, images.shape)
    here, level = place[box], images.level[box]
    dates = [each[box] - level for each in images.alike]
    brightest = np.maximum(*dates)
    own = float(np.percentile(brightest[here], LESION_PERCENTILE))
    threshold = np.maximum(HALF * own, limit[box] / 2)
    bright = brightest >= threshold
    reached = here | _beside(here, bright & ~others[box], images.inside[box], images.spacing_mm)
    labels = connected(reached & bright)
    lesion = np.isin(labels, np.unique(labels[here & bright])) & (labels > 0)
    before, after = (_parts(lesion & (date >= threshold), date >= CORE * own) for date in dates)
    return Outlines(box, (before, after))


def _beside(here: BoolArray, bright: BoolArray, inside: BoolArray, spacing_mm: tuple[float, float, float]) -> BoolArray:
    """What is bright beside the place, without what runs on into the rim of the head."""
    parts = connected(bright & ~here & inside & (depth_mm(here, spacing_mm) >= -GROWTH_MM))
    # Also by a corner: the diagonal of a voxel of 1 mm is 1.74 mm.
    at_rim = np.unique(parts[depth_mm(~inside, (1.0, 1.0, 1.0)) > -1.8])
    return np.asarray((parts > 0) & ~np.isin(parts, at_rim))


def _parts(mask: BoolArray, core: BoolArray) -> Labels:
    parts = connected(mask)
    numbers = np.unique(parts[core & (parts > 0)])
    renamed = np.zeros(int(parts.max(initial=0)) + 1, dtype=np.int32)
    renamed[numbers] = np.arange(1, len(numbers) + 1)
    return renamed[parts]
