"""Both dates' images on the baseline's voxels: at one resolution, in one scale of brightness, and where to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..results.detection import Detection
from ..volumes.resampling import stack_to_volume
from .images import matching_blur, smoothed
from .measuring import step_mm
from .placing import moved, picture_grid

WINDOW_MM = 20.0
"""Standard deviation of the window in which the two images are brought to one brightness: shading is wider."""
OUTLYING = 2.0
"""Robust spreads from which on a voxel says nothing of shading: it changed."""
TISSUE_SHARE = 0.5
"""Of the tissue's median brightness: what is darker is fluid or air."""
RIM_MM = 8.0
"""Scalp, skull and what lies between them, which do not move with the brain."""
BESIDE_BRAIN_MM = 10.0
"""So far from where a method sees brain at either date may be brain that it does not see."""
LEAST_WEIGHT = 0.01


@dataclass(frozen=True)
class RegisteredImages:
    """All [k, j, i] on the baseline's voxels.

    Attributes:
        pictures: both dates as they are, 0 to 255.
        blur_mm2: what brings them to one resolution (`images.matching_blur`).
        alike: both dates at one resolution and in units of tissue, the baseline's shading in both.
        level: the tissue's brightness there, about 1.
        tissue: the voxels that tell of brightness and spread.
        inside: the brain and what surrounds it, as far as both dates examined it.
        head: where both show the head.
        spacing_mm: along i, j and k.
        steps_mm: how far apart the voxels of the coarser image lie along i, j and k.
    """

    pictures: tuple[FloatArray, FloatArray]
    blur_mm2: tuple[Sequence[float], Sequence[float]]
    alike: tuple[FloatArray, FloatArray]
    level: FloatArray
    tissue: BoolArray
    inside: BoolArray
    head: BoolArray
    spacing_mm: tuple[float, float, float]
    steps_mm: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every array."""
        return self.head.shape


def registered_images(baseline: Detection, later: Detection, transform: sitk.Euler3DTransform) -> RegisteredImages:
    """The two dates' images. `transform` takes points of the baseline (LPS mm) to those of the later image."""
    grid = baseline.case.geometry
    spacing = grid.spacing
    places, pictures, heads, examined, brains = [], [], [], [], []
    for date, there in ((baseline, sitk.Euler3DTransform()), (later, transform)):
        case = date.case
        stack = moved(case.grid, there)
        places.append(moved(picture_grid(case), there))
        pictures.append(stack_to_volume(case.display, places[-1], grid))
        heads.append(stack_to_volume(case.head, stack, grid) >= 0.5)
        whole = np.broadcast_to(case.examined[:, None, None], case.head.shape)
        examined.append(stack_to_volume(whole, stack, grid) >= 0.5)
        seen = date.method.tissue(case)
        if seen is not None:
            seen_stack = np.zeros(case.head.shape, dtype=np.float32)
            seen_stack[case.examined] = seen
            brains.append(stack_to_volume(seen_stack, stack, grid) >= 0.5)
    head = heads[0] & heads[1]
    depth = np.minimum(depth_mm(heads[0], spacing), depth_mm(heads[1], spacing))
    inside = examined[0] & examined[1] & (depth > RIM_MM)
    brain = inside
    if brains:
        seen_at_either = np.asarray(np.any(brains, axis=0))
        brain = head & examined[0] & examined[1] & seen_at_either
        inside = inside & (depth_mm(seen_at_either, spacing) > -BESIDE_BRAIN_MM)
    blur = matching_blur(places[0], places[1], grid)
    first, second = (smoothed(each, spacing, var) for each, var in zip(pictures, blur, strict=True))
    alike, level, tissue = _one_brightness(first, second, brain, spacing)
    steps = np.maximum(step_mm(grid, places[0]), step_mm(grid, places[1]))
    i, j, k = (float(step) for step in steps)
    return RegisteredImages((pictures[0], pictures[1]), blur, alike, level, tissue, inside, head, spacing, (i, j, k))


def _one_brightness(
    first: FloatArray, second: FloatArray, brain: BoolArray, spacing_mm: Sequence[float]
) -> tuple[tuple[FloatArray, FloatArray], FloatArray, BoolArray]:
    """Both images in units of tissue, the level of tissue, and the tissue itself; all zero where there is no brain."""
    nothing = np.zeros(first.shape, dtype=np.float32)
    if not brain.any():
        return (nothing, nothing), nothing + 1, brain
    medians = [float(np.median(each[brain])) for each in (first, second)]
    tissue = brain & (first > TISSUE_SHARE * medians[0]) & (second > TISSUE_SHARE * medians[1])
    if min(medians) <= 0 or not tissue.any():
        return (nothing, nothing), nothing + 1, np.zeros_like(brain)
    ratio = np.where(tissue, np.log(np.maximum(second, 1) / np.maximum(first, 1)), 0).astype(np.float32)
    gain = np.full(first.shape, np.median(ratio[tissue]), dtype=np.float32)
    for _ in range(2):
        off = np.abs(ratio - gain)
        same = tissue & (off < OUTLYING * robust_spread((ratio - gain)[tissue]))
        gain = local_mean(ratio, same, spacing_mm, float(np.median(ratio[tissue])))
    unit = float(np.median(first[tissue]))
    alike = (first / unit).astype(np.float32), (second / np.exp(gain) / unit).astype(np.float32)
    return alike, local_mean(alike[0], tissue, spacing_mm, 1.0), tissue


def robust_spread(values: FloatArray) -> float:
    """The standard deviation of a normal distribution with this median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def local_mean(values: FloatArray, where: BoolArray, spacing_mm: Sequence[float], elsewhere: float) -> FloatArray:
    """The mean over a Gaussian window of those voxels; `elsewhere` where none is near."""
    weight = _wide(where.astype(np.float32), spacing_mm)
    total = _wide(np.where(where, values, 0).astype(np.float32), spacing_mm)
    near = weight > LEAST_WEIGHT
    return np.where(near, total / np.where(near, weight, 1), elsewhere).astype(np.float32)


def depth_mm(mask: BoolArray, spacing_mm: Sequence[float]) -> FloatArray:
    """How deep inside the mask, from the border of voxels; negative outside, as far as the mask is away."""
    if not mask.any():
        return np.full(mask.shape, -np.inf, dtype=np.float32)
    # What lies beyond the array is outside of the mask, too.
    image = sitk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
    image.SetSpacing([float(s) for s in spacing_mm])
    signed = sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
    return np.asarray(sitk.GetArrayFromImage(signed)[1:-1, 1:-1, 1:-1])


def _wide(values: FloatArray, spacing_mm: Sequence[float]) -> FloatArray:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing([float(s) for s in spacing_mm])
    return np.asarray(sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(image, [WINDOW_MM] * 3)))
