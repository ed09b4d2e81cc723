"""Where the head of a later examination lies in a baseline: a rotation and a shift, found with SimpleITK.

Mattes' mutual information inside the head (Mattes et al. 2003), from several starts on coarse images, the best of which
is followed to finer ones. Every voxel counts and nothing is drawn: the same images give the same transform.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..core.arrays import FloatArray
from ..core.errors import InputError
from ..core.progress import CancelToken

COARSE_MM, FINE_MM = 5.0, 2.5
"""Voxel sizes at which the starts are compared and at which the best one is finished."""
START_DEGREES = 15.0
"""Starts are turned by this about each axis, beside those that are not turned."""
FOLLOWED = 3
"""Starts that are followed: the best of all."""
BINS = 32
MOST_STEPS = 80
FINAL_STEP = {COARSE_MM: 0.05, FINE_MM: 0.005}
"""Where the search ends, about in mm."""
DIGITS = 6
"""Of radians and millimetres."""
NO_OVERLAP = (
    "The later image could not be laid over the baseline: their heads hardly overlap; check that both show the same "
    "part of the same patient's head."
)


@dataclass(frozen=True)
class HeadImage:
    """A volume and its head: `image` float32, `mask` uint8 on the same grid."""

    image: sitk.Image
    mask: sitk.Image


def register(baseline: HeadImage, later: HeadImage, cancel: CancelToken | None = None) -> sitk.Euler3DTransform:
    """The rigid transform that takes points of the baseline (LPS mm) to those of the later image.

    Raises InputError if the heads do not overlap; Cancelled.
    """
    cancel = cancel or CancelToken()
    coarse = _Level(baseline, later, COARSE_MM)
    starts = [(coarse.value(start), number, start) for number, start in enumerate(_starts(baseline, later))]
    chosen = sorted(start for start in starts if math.isfinite(start[0]))[:FOLLOWED]
    if not chosen:
        raise InputError(NO_OVERLAP)
    found = []
    for _, number, start in chosen:
        cancel.raise_if_cancelled()
        transform = coarse.followed(start, cancel)
        found.append((coarse.value(transform), number, transform))
    best = min(found)
    if not math.isfinite(best[0]):
        raise InputError(NO_OVERLAP)
    fine = _Level(baseline, later, FINE_MM)
    # An image beside itself fits best where it starts, and steps may leave that by a little.
    candidates = (fine.followed(best[2], cancel), best[2], chosen[0][2])
    _, _, finished = min((fine.value(each), number, each) for number, each in enumerate(candidates))
    cancel.raise_if_cancelled()
    return _rounded(finished)


class _Level:
    """Both images at one voxel size."""

    def __init__(self, baseline: HeadImage, later: HeadImage, spacing_mm: float) -> None:
        self._fixed, self._mask = shrunk(baseline.image, spacing_mm), _shrunk_mask(baseline.mask, spacing_mm)
        self._moving = shrunk(later.image, spacing_mm)
        self._final_step = FINAL_STEP[spacing_mm]
        self._spacing_mm = spacing_mm

    def value(self, transform: sitk.Euler3DTransform) -> float:
        """The metric, lower where they fit better; infinite where they do not overlap."""
        method = self._method()
        method.SetInitialTransform(transform)
        try:
            return float(method.MetricEvaluate(self._fixed, self._moving))
        except RuntimeError:
            return math.inf

    def followed(self, start: sitk.Euler3DTransform, cancel: CancelToken) -> sitk.Euler3DTransform:
        """The best transform near this one; the start itself where the images lose each other on the way."""
        method = self._method()
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=self._spacing_mm / 2,
            minStep=self._final_step,
            numberOfIterations=MOST_STEPS,
            gradientMagnitudeTolerance=1e-8,
        )
        method.SetOptimizerScalesFromPhysicalShift()
        moved = sitk.Euler3DTransform(start)
        method.SetInitialTransform(moved, inPlace=True)
        method.AddCommand(sitk.sitkIterationEvent, lambda: method.StopRegistration() if cancel.is_cancelled else None)
        try:
            method.Execute(self._fixed, self._moving)
        except RuntimeError:
            return start
        cancel.raise_if_cancelled()
        return moved

    def _method(self) -> sitk.ImageRegistrationMethod:
        method = sitk.ImageRegistrationMethod()
        # Sums over several threads round otherwise from run to run.
        method.SetNumberOfThreads(1)
        method.SetMetricAsMattesMutualInformation(BINS)
        method.SetMetricSamplingStrategy(method.NONE)
        method.SetMetricFixedMask(self._mask)
        method.SetInterpolator(sitk.sitkLinear)
        return method


def _rounded(transform: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
    """Without the last digits, which differ from run to run by the order of sums."""
    rounded = sitk.Euler3DTransform(transform)
    rounded.SetParameters([round(value, DIGITS) + 0.0 for value in transform.GetParameters()])
    return rounded


def shrunk(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """The volume in whole blocks of voxels, averaged, of about this size where it is finer."""
    sizes = zip(image.GetSize(), image.GetSpacing(), strict=True)
    factors = [max(1, min(round(spacing_mm / spacing), size // 8)) for size, spacing in sizes]
    values: sitk.Image = sitk.Cast(image, sitk.sitkFloat32)
    if max(factors) > 1:
        values = sitk.BinShrink(values, factors)
    return values


def _shrunk_mask(mask: sitk.Image, spacing_mm: float) -> sitk.Image:
    small: sitk.Image = sitk.Cast(shrunk(mask, spacing_mm) >= 0.5, sitk.sitkUInt8)
    return small


def _starts(baseline: HeadImage, later: HeadImage) -> list[sitk.Euler3DTransform]:
    """The scanner's coordinates as they are; the heads' middles on each other, as they are and turned a little."""
    middle, other = _middle(baseline.mask), _middle(later.mask)
    apart = other - middle
    turn = math.radians(START_DEGREES)
    angles = [(0.0, 0.0, 0.0)]
    angles += [tuple(sign * turn * float(a == axis) for a in range(3)) for axis in range(3) for sign in (-1, 1)]  # type: ignore[misc]
    return [_euler(middle, (0, 0, 0), (0, 0, 0)), *(_euler(middle, each, apart) for each in angles)]


def _euler(center: FloatArray, angles: Sequence[float], shift: Sequence[float] | FloatArray) -> sitk.Euler3DTransform:
    return sitk.Euler3DTransform([float(c) for c in center], *angles, [float(s) for s in shift])


def _middle(mask: sitk.Image) -> FloatArray:
    """LPS mm of the head's center of mass."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(mask > 0, sitk.sitkUInt8))
    if not shape.HasLabel(1):
        raise InputError(NO_OVERLAP)
    return np.asarray(shape.GetCentroid(1), dtype=np.float64)
