"""What came or went in the images themselves, whatever a method marks: a map of change of two registered images.

A voxel has brightened if it is brighter later than anything at the baseline that may lie there: than the brightest
voxel within what the registration leaves and half a voxel of the coarser image. What a small shift explains, at edges
above all, is thus no change; nor is what all around it changed, too, as shading does. It must exceed `SPREADS` robust
spreads of the two images' difference, those of the whole brain and those nearby, and most of what stands out at one
date must be missing at the other. From such voxels a region goes on to where half as much differs. What has faded is
the same with the dates swapped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..volumes.bounding_box import bounding_box, grown
from .changes import LEAST_ALONE_ML
from .images import PERSISTING_BORDER
from .matching import Labels
from .registered_images import TISSUE_SHARE, RegisteredImages, depth_mm, local_mean, robust_spread

RESIDUAL_MM = 2.0
"""What a registration of two scans of one head is off by, as a rule (Resources/benchmarks/follow-up.md)."""
SPREADS = 4.0
LEAST_DIFFERENCE = 0.1
"""Of the tissue's brightness: less is not told, however alike the images are. What changed is so much brighter than
tissue, too, at the date that shows it."""
CLIPPED = 3.0
"""Spreads of the whole brain to which a difference counts for the spread nearby: changes are no spread."""
MEAN_TO_SPREAD = 1.25
"""A normal distribution's standard deviation, in means of absolute values."""
NEAR_MM = 6.0
"""How far a region goes on from what surely changed."""
LEAST_CORE_ML, LEAST_ML = 0.1, LEAST_ALONE_ML
"""Of what surely changed, and of the whole region."""
AROUND_MM = (3.0, 8.0)
"""How near and how far from a region its surroundings lie."""
MOST_AROUND = 0.5
"""Of what a region differs by: if its surroundings differ by more, it is no lesion."""
LEAST_EXTENT = 2
"""Voxels along each axis over which what surely changed extends: noise and edges of a single slice are no change."""


def change_limit(images: RegisteredImages) -> FloatArray:
    """From which difference on two images differ, in units of tissue: [k, j, i]."""
    difference = images.alike[1] - images.alike[0]
    if not images.tissue.any():
        return np.full(images.shape, np.inf, dtype=np.float32)
    whole = robust_spread(difference[images.tissue])
    clipped = np.minimum(np.abs(difference), CLIPPED * whole)
    nearby = MEAN_TO_SPREAD * local_mean(clipped, images.tissue, images.spacing_mm, whole)
    return np.asarray(np.maximum(LEAST_DIFFERENCE, SPREADS * np.maximum(whole, nearby)), dtype=np.float32)


def change_regions(images: RegisteredImages, limit: FloatArray) -> tuple[Labels, Labels]:
    """The regions that faded, and those that brightened: numbered from 1, [k, j, i]; 0 elsewhere."""
    return _brighter(images, 0, limit), _brighter(images, 1, limit)


def _brighter(images: RegisteredImages, date: int, limit: FloatArray) -> Labels:
    """Regions that are brighter at a date (0 baseline, 1 later) than at the other."""
    shown, other = images.alike[date], images.alike[1 - date]
    standing = shown - images.level
    missing = (1 - PERSISTING_BORDER) * standing
    reach = [RESIDUAL_MM + step / 2 for step in images.steps_mm]
    surely = shown - brightest_near(other, reach, images.spacing_mm)
    core = images.inside & (surely > limit) & (surely >= missing) & (standing >= LEAST_DIFFERENCE * images.level)
    if not core.any():
        return np.zeros(images.shape, dtype=np.int32)
    wide = images.inside & (shown - other > np.maximum(limit / 2, missing))
    wide &= depth_mm(core, images.spacing_mm) > -NEAR_MM
    parts = connected(core | wide)
    voxel_ml = float(np.prod(images.spacing_mm)) / 1000
    sizes = np.bincount(parts.ravel()) * voxel_ml
    cores = np.bincount(parts[core], minlength=len(sizes)) * voxel_ml
    kept = np.zeros(len(sizes), dtype=np.int32)
    beside = images.head & (np.minimum(shown, other) > TISSUE_SHARE * images.level)
    for number in np.flatnonzero((cores >= LEAST_CORE_ML) & (sizes >= LEAST_ML)):
        if min(_extent(core & (parts == number))) < LEAST_EXTENT:
            continue
        if _stands_alone(parts, int(number), beside, shown - other, images.spacing_mm):
            kept[number] = kept.max() + 1
    return kept[parts]


def _stands_alone(
    parts: Labels, number: int, beside: BoolArray, more: FloatArray, spacing_mm: tuple[float, float, float]
) -> bool:
    """Whether a part became so much brighter than what lies around it, where that is tissue at both dates."""
    mask = parts == number
    box = grown(bounding_box(mask), int(AROUND_MM[1] / min(spacing_mm)) + 1, mask.shape)
    away = -depth_mm(mask[box], spacing_mm)
    around = beside[box] & (parts[box] == 0) & (away > AROUND_MM[0]) & (away <= AROUND_MM[1])
    if not around.any():
        return True
    return bool(more[box][around].mean() <= MOST_AROUND * more[mask].mean())


def brightest_near(values: FloatArray, reach_mm: Sequence[float], spacing_mm: Sequence[float]) -> FloatArray:
    """The largest value within a reach along i, j and k: [k, j, i]; what is left of a step is interpolated."""
    steps = [reach / spacing for reach, spacing in zip(reach_mm, spacing_mm, strict=True)]
    image = sitk.GetImageFromArray(values.astype(np.float32))
    found = sitk.GetArrayFromImage(sitk.GrayscaleDilate(image, [int(step) for step in steps], sitk.sitkBall))
    for axis, step in enumerate(reversed(steps)):
        share = np.float32(step - int(step))
        beside = found.copy()
        for ahead, behind in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            to, source = ([slice(None)] * 3 for _ in range(2))
            to[axis], source[axis] = ahead, behind
            between = (1 - share) * found[tuple(to)] + share * found[tuple(source)]
            np.maximum(beside[tuple(to)], between, out=beside[tuple(to)])
        found = beside
    return np.asarray(found)


def connected(mask: BoolArray) -> Labels:
    """The 26-connected parts, numbered from 1: [k, j, i]."""
    labels = np.zeros(mask.shape, dtype=np.int32)
    if mask.any():
        box = bounding_box(mask)
        labels[box] = sitk.GetArrayFromImage(
            sitk.ConnectedComponent(sitk.GetImageFromArray(mask[box].astype(np.uint8)), True)
        )
    return labels


def _extent(mask: BoolArray) -> list[int]:
    return [part.stop - part.start for part in bounding_box(mask)]
