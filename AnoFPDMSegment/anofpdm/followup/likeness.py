"""Whether two registered images show the same head.

The measure is the correlation of the two images around every point inside the head (a Gaussian window, so that
shading and contrast do not matter), and of it the median. Folds and ventricles agree within one head alone: what two
scans of one patient reach, and what two patients do, stands in Resources/benchmarks/follow-up.md.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..core.arrays import FloatArray
from ..core.errors import InputError
from .registration import FINE_MM, NO_OVERLAP, HeadImage, shrunk

WINDOW_MM = 6.0
"""Standard deviation of the window."""
RIM_MM = 10.0
"""What all heads have alike: scalp and skull against air."""
SAME_HEAD = 0.7
_LEAST_VARIANCE = 1e-6
"""Of the largest: where an image is constant there is no correlation."""


def likeness(baseline: HeadImage, later: HeadImage, transform: sitk.Euler3DTransform) -> float:
    """The median of the local correlations inside both heads, from -1 to 1.

    `transform` takes points of the baseline to the later image. Raises InputError if the heads do not overlap.
    """
    fixed = shrunk(baseline.image, FINE_MM)
    moving = sitk.Resample(shrunk(later.image, FINE_MM), fixed, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    there = sitk.Resample(
        sitk.Cast(later.mask, sitk.sitkFloat32), fixed, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32
    )
    both = sitk.Cast((shrunk(baseline.mask, FINE_MM) >= 0.5) & (there >= 0.5), sitk.sitkUInt8)
    reach = [
        min(round(RIM_MM / spacing), size) for spacing, size in zip(both.GetSpacing(), both.GetSize(), strict=True)
    ]
    inside = sitk.GetArrayFromImage(sitk.BinaryErode(both, reach)) > 0
    if not inside.any():
        raise InputError(NO_OVERLAP)
    weight = sitk.Cast(both, sitk.sitkFloat32)
    around = _smoothed(weight) + _LEAST_VARIANCE

    def mean(image: sitk.Image) -> FloatArray:
        return np.asarray(sitk.GetArrayFromImage(_smoothed(image * weight) / around)[inside], dtype=np.float64)

    mean_a, mean_b = mean(fixed), mean(moving)
    product = mean(fixed * moving) - mean_a * mean_b
    spread_a, spread_b = mean(fixed * fixed) - mean_a**2, mean(moving * moving) - mean_b**2
    spread = [np.maximum(each, _LEAST_VARIANCE * max(float(each.max()), 1e-12)) for each in (spread_a, spread_b)]
    return float(np.clip(np.median(product / np.sqrt(spread[0] * spread[1])), -1, 1))


def check_same_head(found: float) -> None:
    """Raises InputError if two images with this likeness do not show the same head."""
    if found < SAME_HEAD:
        raise InputError(
            f"The two images do not seem to show the same head: laid over each other they correlate by {found:.2f} "
            f"inside it, where {SAME_HEAD:g} is needed; check that both are of one patient and of one kind of image."
        )


def _smoothed(image: sitk.Image) -> sitk.Image:
    smooth: sitk.Image = sitk.SmoothingRecursiveGaussian(image, [WINDOW_MM] * 3)
    return smooth
