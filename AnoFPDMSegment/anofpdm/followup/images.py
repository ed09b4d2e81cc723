"""Whether the images themselves show a change that the maps show.

A method answers a little otherwise when the same head lies otherwise in the scanner: what it marks at one date alone
need not be a change. The images tell: what is new stands out from its surroundings later and did not before. If it
stood out before by a good part of as much already, the image has not changed there, only the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..volumes.bounding_box import Box, bounding_box, grown
from ..volumes.geometry import VolumeGeometry

PERSISTING_ALONE, PERSISTING_BORDER = 0.25, 0.6
"""From this on the images are unchanged: of a finding that one date marks alone, and of what it marks more of one that
both mark, which shares its surroundings. What either limit costs and keeps: Resources/benchmarks/follow-up.md."""
NEAR_MM, FAR_MM = 3.0, 9.0
"""The surroundings: so far from the finding."""
TISSUE = 0.6
"""Of the surroundings' upper quartile: what is darker is fluid or air, against which healthy cortex stands out, too."""
SMOOTHING_MM = 1.5
"""Standard deviation by which both images are smoothed for their noise."""
SLAB, INTERPOLATED = 1 / 12, 1 / 6
"""Variance, in squares of a step, of what a voxel is blurred by that averages over a step, and of what linear
interpolation between voxels blurs on average."""
LEAST_CONTRAST = 0.04
"""Of the surroundings' brightness: less is nothing to see."""


def persistence(
    changed: BoolArray,
    findings: BoolArray,
    head: BoolArray,
    present: FloatArray,
    other: FloatArray,
    spacing_mm: Sequence[float],
    blur_mm2: tuple[Sequence[float], Sequence[float]] = ((0, 0, 0), (0, 0, 0)),
) -> float:
    """How much of a change stands out at the other date: about 0 where the images changed, 1 where they did not.

    Args, all [k, j, i]:
        changed: what only one date marks.
        findings: everything that either date marks; no part of the surroundings.
        head: where both images show the head.
        present, other: the image of the date that marks it, and that of the other.
        spacing_mm: along i, j and k.
        blur_mm2: variances along i, j and k that bring `present` and `other` to one resolution (`matching_blur`).

    What hardly stands out at the date that marks it cannot be seen to change: 1.
    """
    if not changed.any():
        return 1.0
    widest = np.sqrt(np.max(blur_mm2, axis=0) + SMOOTHING_MM**2)
    reach = [int(np.ceil((FAR_MM + 2 * width) / step)) for width, step in zip(widest, spacing_mm, strict=True)]
    box = _grown(bounding_box(changed), reach, changed.shape)
    mask, free = changed[box], head[box] & ~findings[box]
    ring = _dilated(mask, FAR_MM, spacing_mm) & ~_dilated(mask, NEAR_MM, spacing_mm) & free
    if not ring.any():
        return 1.0
    contrasts = []
    for image, blur in zip((present, other), blur_mm2, strict=True):
        values = smoothed(image[box], spacing_mm, blur)
        around = _tissue_level(values[ring])
        contrasts.append((float(values[mask].mean()) - around) / max(around, 1e-6))
    if abs(contrasts[0]) < LEAST_CONTRAST:
        return 1.0
    return contrasts[1] / contrasts[0]


def matching_blur(
    baseline: VolumeGeometry, later: VolumeGeometry, geometry: VolumeGeometry
) -> tuple[list[float], list[float]]:
    """What brings the two dates' images to one resolution on the baseline's voxels: each is blurred as the other is.

    Thick slices, and others that lie across them, weaken what is small: the same head, seen so, would seem to change.

    Args:
        baseline, later: the grids of the two images; the later one where it lies in the baseline.
        geometry: of the baseline's voxels.

    Returns:
        Variances in mm2 along i, j and k of `geometry`, for the baseline's image and for the later one.
    """
    along = [(geometry.direction_matrix.T @ each.direction_matrix) ** 2 for each in (baseline, later)]
    first, second = (turn @ np.square(each.spacing) for turn, each in zip(along, (baseline, later), strict=True))
    return (second * (SLAB + INTERPOLATED)).tolist(), (first * SLAB).tolist()


def _grown(box: Box, reach: Sequence[int], shape: Sequence[int]) -> Box:
    """The box with `reach` voxels (i, j, k) more on either side, within the array."""
    k, j, i = (grown(box, margin, shape)[axis] for axis, margin in enumerate(reversed(list(reach))))
    return k, j, i


def _tissue_level(values: FloatArray) -> float:
    """The median of those of the surroundings that are tissue."""
    return float(np.median(values[values >= TISSUE * np.percentile(values, 75)]))


def _dilated(mask: BoolArray, by_mm: float, spacing_mm: Sequence[float]) -> BoolArray:
    radius = [max(1, round(by_mm / s)) for s in spacing_mm]
    image = sitk.BinaryDilate(sitk.GetImageFromArray(mask.astype(np.uint8)), radius, sitk.sitkBall)
    return np.asarray(sitk.GetArrayFromImage(image) > 0)


def smoothed(values: FloatArray, spacing_mm: Sequence[float], blur_mm2: Sequence[float]) -> FloatArray:
    """Without most of the noise, and with these variances along i, j and k of blur besides."""
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing([float(s) for s in spacing_mm])
    return np.asarray(
        sitk.GetArrayFromImage(sitk.DiscreteGaussian(image, [SMOOTHING_MM**2 + float(blur) for blur in blur_mm2]))
    )
