"""Intensities as the network wants them (paper, section 4.1), and the interior of the head."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..core.errors import InputError
from .head import HeadFinding, as_float32
from .input_config import PreprocessingConfig
from .standardise import tissue_level

OFFSET_SHARE = 0.02
"""A background further from 0 than this share of the head's 99th percentile is an offset."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def remove_background_offset(image: sitk.Image, finding: HeadFinding, name: str) -> tuple[sitk.Image, list[str]]:
    """The image with air, or the constant around a stripped brain, at 0; and a warning if it was not.

    MR magnitudes have dark air near 0, which the division by a percentile relies on. Images after
    z-scoring or other shifts are moved so that their background is 0 (the contrast is kept). Where
    the constant lies amid the brain's values (z-scored inside a brain mask), the brain's 0.5th
    percentile moves to 0 and everything outside the brain is set to 0. Noise around 0 that merely
    dips below it is clipped. Inverted images are not repaired. Returns float32.
    """
    image = as_float32(image)
    viewed = sitk.GetArrayViewFromImage(image)
    head = sitk.GetArrayViewFromImage(finding.mask) > 0
    bright, darkest = (float(np.percentile(viewed[head], share)) for share in (99, 0.5))
    warnings = []
    # A copy only where something changes: a volume is large.
    values: Floats | None = None
    if finding.background_inside_range:
        values = sitk.GetArrayFromImage(image)
        values -= darkest
        values[~head] = 0
        warnings.append(
            f"The {name} image has brain values on both sides of its constant background, as after z-scoring; "
            "they were shifted to start at 0, but the original intensities are the better input."
        )
    elif not finding.inverted and (
        abs(finding.background) > OFFSET_SHARE * (bright - finding.background)
        and (finding.constant_background or finding.background < 0)
    ):
        values = sitk.GetArrayFromImage(image)
        values -= finding.background
        warnings.append(
            f"The {name} image's background is {finding.background:.4g} instead of 0, as after z-scoring or rescaling; "
            "all values were shifted so that it is 0, but the original intensities are the better input."
        )
    elif viewed.min() < 0:
        values = sitk.GetArrayFromImage(image)
    if values is None:
        return image, warnings
    np.maximum(values, 0, out=values)
    shifted = sitk.GetImageFromArray(values)
    shifted.CopyInformation(image)
    return shifted, warnings


def normalise(
    stack: NDArray[Any],
    head: Mask,
    config: PreprocessingConfig,
    *,
    covered: Mask | None = None,
    skull_stripped: bool = False,
) -> Floats:
    """Scale `stack` [C,S,H,W] to the network's range: [S,C,H,W] float32, in [-1, 1] if clipped.

    x = 2 clip(g I / p, 0, 1) - 1, with p each modality's `config.percentile` inside `head` [S,H,W]
    over the volume (paper, section 4.1), or `config.tissue_units` times the median of its tissue, and g
    `config.stripped_gain` for skull-stripped input, else 1; then optionally the reference's min-max per
    slice and modality. What lies outside the head stays as it is. `covered` [C,S,H,W]: where each
    modality has values; the rest does not count for its percentile. Raises InputError if p is not positive.
    """
    if stack.ndim != 4 or stack.shape[1:] != head.shape:
        raise ValueError(f"stack {stack.shape} and head {head.shape} do not fit together")
    if not head.any():
        raise InputError("No head is left inside the model's field of view; check the image's geometry.")
    gain = config.stripped_gain if skull_stripped else 1.0
    result = np.empty((stack.shape[1], stack.shape[0], *stack.shape[2:]), dtype=np.float32)
    for channel, volume in enumerate(stack):
        if config.tissue_units is not None:
            scale = tissue_level(volume) * config.tissue_units
        else:
            values = volume[head if covered is None else head & covered[channel]]
            scale = float(np.percentile(values, config.percentile)) if values.size else 0.0
        if not scale > 0:
            raise InputError(
                f"Modality {channel + 1} is dark nearly everywhere inside the head, so its intensities cannot be "
                "scaled; check that it is the right image."
            )
        scaled = volume.astype(np.float32) / np.float32(scale / gain)
        if config.clip:
            scaled = np.clip(scaled, 0, 1)
        result[:, channel] = _per_slice_min_max(scaled) if config.per_slice_min_max else scaled
    return 2 * result - 1


def _per_slice_min_max(volume: Floats) -> Floats:
    low = volume.min(axis=(1, 2), keepdims=True)
    span = volume.max(axis=(1, 2), keepdims=True) - low
    return np.asarray((volume - low) / np.where(span > 0, span, 1), dtype=np.float32)


def erode_in_plane(head: Mask, mm: float, pixel_mm: float) -> Mask:
    """Erode each slice of `head` [S,H,W] by a disc of `mm`; beyond the frame counts as outside the head."""
    if mm <= 0:
        return head.copy()
    padded = np.pad(head, ((0, 0), (1, 1), (1, 1)))
    eroded = np.zeros(head.shape, dtype=bool)
    for index in np.nonzero(head.any(axis=(1, 2)))[0]:
        plane = sitk.GetImageFromArray(padded[index].astype(np.uint8))
        plane.SetSpacing((pixel_mm, pixel_mm))
        # Distance in mm from the middle of the nearest pixel outside the head.
        distance = sitk.DanielssonDistanceMap(
            plane == 0, inputIsBinary=True, squaredDistance=False, useImageSpacing=True
        )
        eroded[index] = sitk.GetArrayFromImage(distance)[1:-1, 1:-1] > mm
    return eroded
