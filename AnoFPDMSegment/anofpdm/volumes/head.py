"""Find the head, or the skull-stripped brain, in one MR volume of any contrast.

A threshold between air and tissue, raised where a slice's own rim is noisy, then morphology on a
coarse grid. Nothing here is learned, and nothing depends on the contrast beyond "tissue is brighter
than air" (inverted images are recognised and flipped).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.progress import CancelToken
from .filled_planes import filled_in_plane

WORK_SPACING_MM = 2.5
FOREGROUND_SHARE = 0.18
"""Tissue is what lies this far up from the air's to the tissue's median."""
FOREGROUND_SHARE_CLEAN = 0.06
"""The same where the background was set to a constant, so that there is no noise to keep out."""
NOISE_FACTOR = 1.8
"""A slice's threshold is at least this many times the level of its rim: about mean + 4 sd of
Rayleigh noise averaged over a working voxel."""
CONSTANT_TOLERANCE = 0.005
"""Background values this close (share of the intensity range) count as equal: resampled constants."""
CONSTANT_SHARE = 0.9
MINIMUM_AREA_MM2 = 2000.0
MINIMUM_CONTRAST = 2.5
"""The head's median over the air's, both above the darkest value."""
SPECK_MM3 = 1500.0
COMPONENT_SHARE = 0.25
"""Separate parts at least this large, compared to the largest, are head too; ghosts are smaller."""
OPENING_MM = 5.0
CLOSING_MM = 10.0
DARK_RATIO = 0.75
"""Whole heads: the skull's signal is below this share of scalp and brain (median over rays)."""
EMPTY_HEAD = (
    "No head was found in the {name}image: it seems to be empty, all noise, far too small or zoomed in too far; "
    "load an MR volume that shows the head or the brain with some background around it."
)

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class HeadFinding:
    """Where the head is, and what kind of image it is in.

    `mask`: uint8 image on the input's grid, holes filled. `background`: value of the air or of the
    constant around a stripped brain. `constant_background`: the air was set to that value.
    `background_inside_range`: that constant lies amid the brain's own values, as after z-scoring
    inside a brain mask. `inverted`: the air is the brightest part.
    """

    mask: sitk.Image
    skull_stripped: bool
    background: float
    constant_background: bool
    background_inside_range: bool
    inverted: bool


@dataclass(frozen=True)
class _Background:
    level: float
    constant: bool
    inside_range: bool
    inverted: bool


def axis_of_slices(image: sitk.Image) -> int:
    """The image axis (0 = i, 1 = j, 2 = k) nearest to inferior-superior; a single slice's own axis."""
    size = image.GetSize()
    if size.count(1) == 1:
        return int(size.index(1))
    direction = np.asarray(image.GetDirection()).reshape(3, 3)
    return int(np.argmax(np.abs(direction[2])))


def as_float32(image: sitk.Image) -> sitk.Image:
    """The image itself if it has such values: a cast to the same kind copies them."""
    return image if image.GetPixelID() == sitk.sitkFloat32 else sitk.Cast(image, sitk.sitkFloat32)


def find_head(image: sitk.Image, name: str = "", cancel: CancelToken | None = None) -> HeadFinding:
    """Find the head in a 3-D scalar image.

    Works on about 2.5 mm voxels. `name` (a modality) goes into the message. Raises InputError if
    there is no head; Cancelled between its steps.
    """
    cancel = cancel or CancelToken()
    image = as_float32(image)
    axis = 2 - axis_of_slices(image)
    work = _shrink(image)
    values = np.ascontiguousarray(np.moveaxis(sitk.GetArrayFromImage(work), axis, 0))
    spacing = _moved_spacing(work, axis)
    low, high = (float(v) for v in np.percentile(values, (0.1, 99.5)))
    if not high > low:
        raise InputError(EMPTY_HEAD.format(name=f"{name} " if name else ""))
    rim = _rim(np.moveaxis(sitk.GetArrayViewFromImage(image), axis, 0))
    background = _find_background(rim, low, high)
    cancel.raise_if_cancelled()
    signal = _signal(values, background)
    mask = _clean(_above_threshold(signal, clean=background.inside_range, constant_rim=background.constant), spacing)
    cancel.raise_if_cancelled()
    if background.constant and not background.inside_range:
        # The rim alone may be constant while noise remains nearer to the head.
        if _constant_outside(signal, mask, spacing, high - low):
            mask = _clean(_above_threshold(signal, clean=True, constant_rim=True), spacing)
        else:
            background = replace(background, constant=False)
    area = float(mask.sum(axis=(1, 2)).max()) * spacing[1] * spacing[2]
    if area < MINIMUM_AREA_MM2 or not _stands_out(signal, mask):
        raise InputError(EMPTY_HEAD.format(name=f"{name} " if name else ""))
    stripped = background.inside_range or (
        background.constant and not background.inverted and not _has_skull(signal, mask, spacing)
    )
    cancel.raise_if_cancelled()
    full = _to_grid(mask, axis, work, image)
    if stripped:
        full = _fit_to_constant(image, full, background, high - low, axis)
    return HeadFinding(
        mask=full,
        skull_stripped=stripped,
        background=background.level,
        constant_background=background.constant,
        background_inside_range=background.inside_range,
        inverted=background.inverted,
    )


def _shrink(image: sitk.Image) -> sitk.Image:
    """Average whole blocks of voxels; averaging also tames the noise. Small axes stay as they are."""
    sizes_and_spacings = zip(image.GetSize(), image.GetSpacing(), strict=True)
    factors = [max(1, min(round(WORK_SPACING_MM / spacing), size // 16)) for size, spacing in sizes_and_spacings]
    if max(factors) == 1:
        return image
    # BinShrink drops last voxels that fill no block: pad on both sides, so that flipped images give flipped masks.
    missing = [-size % factor for size, factor in zip(image.GetSize(), factors, strict=True)]
    lower = [count // 2 for count in missing]
    upper = [count - low for count, low in zip(missing, lower, strict=True)]
    shrunk: sitk.Image = sitk.BinShrink(sitk.ZeroFluxNeumannPad(image, lower, upper), factors)
    return shrunk


def _moved_spacing(image: sitk.Image, axis: int) -> tuple[float, float, float]:
    """Voxel size in mm of the array whose slice axis was moved to the front."""
    spacing = list(reversed(image.GetSpacing()))
    first = spacing.pop(axis)
    return first, spacing[0], spacing[1]


def _rim(stack: Floats) -> Floats:
    """The outermost pixels (2 % of the width) of each slice: [slices, pixels]."""
    _, height, width = stack.shape
    y, x = max(1, round(0.02 * height)), max(1, round(0.02 * width))
    parts = (stack[:, :y], stack[:, -y:], stack[:, y:-y, :x], stack[:, y:-y, -x:])
    return np.concatenate([part.reshape(len(stack), -1) for part in parts], axis=1)


def _find_background(rim: Floats, low: float, high: float) -> _Background:
    scale = high - low
    sample = rim.ravel()[:: max(1, rim.size // 200_000)]
    found, counts = np.unique(sample, return_counts=True)
    mode = float(found[int(np.argmax(counts))])
    near = float((np.abs(sample - mode) <= CONSTANT_TOLERANCE * scale).mean())
    # A head that reaches the rim hides part of the background; what is left must still be constant.
    dark = sample[sample <= mode + FOREGROUND_SHARE * scale]
    constant = near > 0.4 and float((np.abs(dark - mode) <= CONSTANT_TOLERANCE * scale).mean()) >= CONSTANT_SHARE
    level = float(np.median(sample))
    spread = float(np.median(np.abs(sample - level)))
    # Values well above a constant mean z-scoring inside a brain mask, not inverted contrast.
    exceeded = constant and high - level > 0.05 * scale
    if level > high - 0.25 * scale and spread < 0.05 * scale and not exceeded:
        return _Background(level, constant, inside_range=False, inverted=True)
    if constant and mode - low > 0.1 * scale:
        return _Background(mode, constant=True, inside_range=True, inverted=False)
    # The rim's single voxels, not their averages: noise must keep its distance from its zero.
    floor = mode if constant else min(low, float(np.percentile(sample, 0.1)))
    return _Background(floor, constant, inside_range=False, inverted=False)


def _signal(values: Floats, background: _Background) -> Floats:
    if background.inside_range:
        return np.asarray(np.abs(values - background.level))
    signed = background.level - values if background.inverted else values - background.level
    return np.asarray(np.clip(signed, 0, None))


def _constant_outside(signal: Floats, mask: Mask, spacing: tuple[float, float, float], scale: float) -> bool:
    reach = [int(8.0 / spacing[2] + 0.5), int(8.0 / spacing[1] + 0.5), 0]
    grown = sitk.BinaryDilate(sitk.GetImageFromArray(mask.astype(np.uint8)), reach)
    outside = signal[sitk.GetArrayFromImage(grown) == 0]
    return outside.size == 0 or float((outside <= CONSTANT_TOLERANCE * scale).mean()) >= CONSTANT_SHARE


def _above_threshold(signal: Floats, *, clean: bool, constant_rim: bool) -> Mask:
    """Which working voxels are tissue, slice by slice: [slices, rows, columns]. `clean`: no noise outside."""
    split = _otsu(np.minimum(signal, np.percentile(signal, 99)))
    if not (signal > split).any():
        return np.zeros(signal.shape, dtype=bool)
    air, tissue = float(np.median(signal[signal <= split])), float(np.median(signal[signal > split]))
    if clean:
        return np.asarray(signal > max(FOREGROUND_SHARE_CLEAN * tissue, _margin_noise(signal, tissue)))
    threshold = air + FOREGROUND_SHARE * (tissue - air)
    mask = np.empty(signal.shape, dtype=bool)
    for index, (plane, rim) in enumerate(zip(signal, _rim(signal), strict=True)):
        # Zeros beyond a tilted frame say nothing about the noise; a constant background does.
        used = rim if constant_rim else rim[rim > CONSTANT_TOLERANCE * tissue]
        noise = _noise_ceiling(used) if used.size > 0.1 * rim.size else 0.0
        mask[index] = plane > max(threshold, noise)
    return mask


def _noise_ceiling(rim: Floats) -> float:
    """What air hardly exceeds, given a slice's rim, of which the head may cross most."""
    quarter = float(np.percentile(rim, 25))
    # From neighbors, so that a glow towards the middle or the coil does not count as noise.
    deviation = 1.4826 * float(np.median(np.abs(np.diff(rim)))) / math.sqrt(2)
    return max(NOISE_FACTOR * quarter, quarter + (0.67 + 4) * deviation)


def _margin_noise(signal: Floats, tissue: float) -> float:
    """Threshold against the noise left inside a background mask that was cut wider than the head."""
    plane = signal[int(np.argmax((signal > 0.5 * tissue).sum(axis=(1, 2))))]
    inside = sitk.GetImageFromArray((plane > CONSTANT_TOLERANCE * tissue).astype(np.uint8))
    shell = sitk.GetArrayFromImage(inside - sitk.BinaryErode(inside, [1, 1])) > 0
    level = float(np.median(plane[shell])) if shell.any() else 0.0
    return NOISE_FACTOR * level if level < 0.1 * tissue else 0.0


def _otsu(values: Floats) -> float:
    """The threshold with the largest variance between the two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, 256)
    centers = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts)[:-1], int(counts.sum())
    above = total - below
    sums = np.cumsum(counts * centers)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(centers[int(np.nanargmax(np.nan_to_num(variance)))])


def _clean(mask: Mask, spacing: tuple[float, float, float]) -> Mask:
    """Drop specks, close the skull and the sinuses, fill, and keep what is large and connected."""
    voxel = math.prod(spacing)
    tissue = _components(mask, lambda sizes: sizes * voxel >= min(SPECK_MM3, 0.1 * float(sizes.max()) * voxel))
    # A lone slice is closed in its plane: a ball would find nothing above and below to close with.
    lengths = reversed(mask.shape)
    # A ball longer than the axis closes no more than one of the axis's length, and takes for ever.
    reach = zip(reversed(spacing), lengths, strict=True)
    radius = [min(int(CLOSING_MM / s + 0.5), n) if n > 1 else 0 for s, n in reach]
    pad = [r + 1 for r in radius]
    image = sitk.ConstantPad(sitk.GetImageFromArray(tissue.astype(np.uint8)), pad, pad, 0)
    image = sitk.Crop(sitk.BinaryMorphologicalClosing(image, radius, sitk.sitkBall), pad, pad)
    # A slice without any tissue of its own is not head, even between slices that are.
    filled = filled_in_plane(sitk.GetArrayFromImage(image) > 0) & _slices_with(tissue)
    opening = [int(OPENING_MM / s + 0.5) for s in (spacing[2], spacing[1])] + [0]
    image = sitk.GetImageFromArray(filled.astype(np.uint8))
    image = sitk.BinaryMorphologicalOpening(image, opening, sitk.sitkBall)
    return _components(sitk.GetArrayFromImage(image) > 0, lambda sizes: sizes >= COMPONENT_SHARE * sizes.max())


def _stands_out(signal: Floats, mask: Mask) -> bool:
    """Whether the head is clearly brighter than the air; the peaks of smoothed noise are not."""
    air = signal[~mask]
    return air.size == 0 or float(np.median(signal[mask])) > MINIMUM_CONTRAST * float(np.median(air))


def _components(mask: Mask, keep: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> Mask:
    """The connected components, corners included, whose voxel counts `keep` accepts."""
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    if not sizes.any():
        return np.zeros(mask.shape, dtype=bool)
    kept = np.asarray(keep(sizes), dtype=bool)
    kept[0] = False
    return np.asarray(kept[labels])


def _slices_with(mask: Mask) -> Mask:
    """[slices, 1, 1]: which slices hold anything."""
    return np.asarray(mask.any(axis=(1, 2), keepdims=True))


def _has_skull(signal: Floats, mask: Mask, spacing: tuple[float, float, float]) -> bool:
    """Whether rays from the outline inwards cross a dark ring between two brighter tissues.

    Looks at the upper half of the head, where nothing but scalp, skull and brain is crossed.
    """
    areas = mask.sum(axis=(1, 2))
    present = np.nonzero(areas)[0]
    middle = present[0] + 0.45 * (present[-1] - present[0])
    chosen = [int(k) for k in present if areas[k] > 0.5 * areas.max() and k >= middle] or [int(np.argmax(areas))]
    chosen = chosen[:: max(1, len(chosen) // 12)]
    ratios = [ratio for k in chosen for ratio in _ring_ratios(signal[k], mask[k], spacing[1:])]
    return len(ratios) > 0 and float(np.median(ratios)) < DARK_RATIO


def _ring_ratios(plane: Floats, mask: Mask, spacing: tuple[float, ...]) -> list[float]:
    """Per ray: darkest value 0-20 mm below the outline's bright rim, over the darker of rim and brain."""
    rows, columns = np.nonzero(mask)
    radius = np.arange(0.0, 150.0, 1.0)
    angles = np.linspace(0, 2 * math.pi, 48, endpoint=False)[:, None]
    y = rows.mean() + np.sin(angles) * radius / spacing[0]
    x = columns.mean() + np.cos(angles) * radius / spacing[1]
    within = (y >= 0) & (x >= 0) & (y <= mask.shape[0] - 1) & (x <= mask.shape[1] - 1)
    y, x = np.clip(y, 0, mask.shape[0] - 1), np.clip(x, 0, mask.shape[1] - 1)
    on_ray = mask[np.rint(y).astype(int), np.rint(x).astype(int)] & within
    y0 = np.clip(np.floor(y).astype(int), 0, mask.shape[0] - 2)
    x0 = np.clip(np.floor(x).astype(int), 0, mask.shape[1] - 2)
    fy, fx = y - y0, x - x0
    upper = plane[y0, x0] * (1 - fx) + plane[y0, x0 + 1] * fx
    lower = plane[y0 + 1, x0] * (1 - fx) + plane[y0 + 1, x0 + 1] * fx
    profiles = upper * (1 - fy) + lower * fy
    ratios = []
    for profile, inside, valid in zip(profiles, on_ray, within, strict=True):
        last = int(np.nonzero(inside)[0][-1]) if inside.any() else 0
        if last < 40 or last >= int(valid.sum()) - 2:  # too small, or cut off by the frame
            continue
        inwards = profile[last::-1]
        rim = int(np.argmax(inwards[:8]))
        reference = min(float(inwards[rim]), float(np.median(inwards[20:40])))
        if reference > 0:
            ratios.append(float(inwards[rim:20].min()) / reference)
    return ratios


def _to_grid(mask: Mask, axis: int, work: sitk.Image, image: sitk.Image) -> sitk.Image:
    coarse = sitk.GetImageFromArray(np.ascontiguousarray(np.moveaxis(mask, 0, axis)).astype(np.float32))
    coarse.CopyInformation(work)
    if work.GetSize() != image.GetSize():
        # Extrapolate: BinShrink drops the last voxels of an axis that does not divide.
        coarse = sitk.Resample(coarse, image, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32, True)
    result: sitk.Image = sitk.Cast(coarse >= 0.5, sitk.sitkUInt8)
    return result


def _fit_to_constant(
    image: sitk.Image, mask: sitk.Image, background: _Background, scale: float, axis: int
) -> sitk.Image:
    """A stripped brain's exact outline: what differs from the constant, near the coarse mask, filled."""
    sizes_and_spacings = zip(image.GetSize(), image.GetSpacing(), strict=True)
    reach = [int(2 * WORK_SPACING_MM / spacing + 0.5) if size > 1 else 0 for size, spacing in sizes_and_spacings]
    exact = sitk.GetArrayFromImage(sitk.BinaryDilate(mask, reach, sitk.sitkBox)).view(bool)
    for near, values in zip(exact, sitk.GetArrayViewFromImage(image), strict=True):
        near &= np.abs(values - background.level) > CONSTANT_TOLERANCE * scale
    exact = np.moveaxis(exact, axis, 0)
    coarse: Mask = np.moveaxis(sitk.GetArrayViewFromImage(mask) > 0, axis, 0)
    exact &= _slices_with(coarse)
    if background.inside_range:  # the outline's voxels that happen to equal the constant
        closed = sitk.BinaryMorphologicalClosing(
            sitk.GetImageFromArray(exact.astype(np.uint8)), [2, 2, 0], sitk.sitkBall
        )
        exact = sitk.GetArrayFromImage(closed) > 0
    filled = filled_in_plane(exact)
    result = sitk.GetImageFromArray(np.ascontiguousarray(np.moveaxis(filled, 0, axis)).astype(np.uint8))
    result.CopyInformation(image)
    return result
