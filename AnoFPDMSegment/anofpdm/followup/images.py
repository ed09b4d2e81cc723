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

PERSISTING_ALONE, PERSISTING_BORDER = 0.25, 0.6
"""From this on the images are unchanged: of a finding that one date marks alone, and of what it marks more of one that
both mark, which shares its surroundings. Of what has changed 0.1 and 0.52 at most is left; the same image in another
pose leaves 0.32 and 0.64 at least of findings larger than their tolerance (Resources/benchmarks/follow-up.md)."""
NEAR_MM, FAR_MM = 3.0, 9.0
"""The surroundings: so far from the finding."""
SMOOTHING_MM = 1.5
"""Both images are smoothed by this, so that the blur of resampling, which one of them has more of, counts less."""
LEAST_CONTRAST = 0.04
"""Of the surroundings' brightness: less is nothing to see."""


def persistence(
    changed: BoolArray,
    findings: BoolArray,
    head: BoolArray,
    present: FloatArray,
    other: FloatArray,
    spacing_mm: Sequence[float],
) -> float:
    """How much of a change stands out at the other date: about 0 where the images changed, 1 where they did not.

    Args, all [k, j, i]:
        changed: what only one date marks.
        findings: everything that either date marks; no part of the surroundings.
        head: where both images show the head.
        present, other: the image of the date that marks it, and that of the other.
        spacing_mm: along i, j and k.

    What hardly stands out at the date that marks it cannot be seen to change: 1.
    """
    if not changed.any():
        return 1.0
    reach = [int(np.ceil(FAR_MM / s)) + 2 for s in spacing_mm]
    box = _grown(bounding_box(changed), reach, changed.shape)
    mask, free = changed[box], head[box] & ~findings[box]
    ring = _dilated(mask, FAR_MM, spacing_mm) & ~_dilated(mask, NEAR_MM, spacing_mm) & free
    if not ring.any():
        return 1.0
    contrasts = []
    for image in (present, other):
        values = _smoothed(image[box], spacing_mm)
        around = float(np.median(values[ring]))
        contrasts.append((float(values[mask].mean()) - around) / max(around, 1e-6))
    if abs(contrasts[0]) < LEAST_CONTRAST:
        return 1.0
    return contrasts[1] / contrasts[0]


def _grown(box: Box, reach: Sequence[int], shape: Sequence[int]) -> Box:
    """The box with `reach` voxels (i, j, k) more on either side, within the array."""
    k, j, i = (grown(box, margin, shape)[axis] for axis, margin in enumerate(reversed(list(reach))))
    return k, j, i


def _dilated(mask: BoolArray, by_mm: float, spacing_mm: Sequence[float]) -> BoolArray:
    radius = [max(1, round(by_mm / s)) for s in spacing_mm]
    image = sitk.BinaryDilate(sitk.GetImageFromArray(mask.astype(np.uint8)), radius, sitk.sitkBall)
    return np.asarray(sitk.GetArrayFromImage(image) > 0)


def _smoothed(values: FloatArray, spacing_mm: Sequence[float]) -> FloatArray:
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing([float(s) for s in spacing_mm])
    return np.asarray(sitk.GetArrayFromImage(sitk.DiscreteGaussian(image, [SMOOTHING_MM**2] * 3)))
