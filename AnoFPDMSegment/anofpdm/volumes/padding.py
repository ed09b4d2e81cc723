"""Voxels that hold no measurement: declared padding, or a constant far below everything else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

FAR_SHARE = 0.2
"""A negative constant is far off from this share of the bright voxels' value (their 99.5th percentile) on."""
FEWEST_VOXELS = 16
FALLING_SHARE = 0.5
"""Values between the constant and half of it, as interpolation makes them at its border, are fewer than this share."""
MIXED_SHARE = 0.1
NOT_NEGATIVE_SHARE = 0.75
"""Of the other values, where the constant lies below the zero of an image that begins there."""
DARK_SHARE = 0.1
"""Air is darker than this share of the bright voxels' value."""
AIR_SHARE = 0.2
"""Of the measured voxels; with less air than this the padding itself is the background, as after skull-stripping."""
CONTINUED_MM = 10.0
"""How far a measured value is continued into padding that cuts through a measured scan. Nothing is found as near to a
whole head's border, so what is made up is never reported; a black edge inside the head changes what is found beyond."""


def far_constant(values: Floats) -> tuple[float, float] | None:
    """The lowest value, if it is a constant far below all others such as -1000 around a circle; None otherwise.

    With it comes the value up to which the others are its mixture with the image, as interpolation makes them.
    """
    lowest = float(values.min())
    if not np.isfinite(lowest) or lowest >= 0:
        return None
    count = int(np.count_nonzero(values == lowest))
    if not FEWEST_VOXELS <= count < values.size:
        return None
    others = values[values > lowest]
    bright = float(np.percentile(others, 99.5))
    if lowest.is_integer() and -lowest >= FAR_SHARE * bright:
        falling = int(np.count_nonzero(others < lowest / 2))
        if falling < FALLING_SHARE * count and np.count_nonzero(others >= 0) >= NOT_NEGATIVE_SHARE * others.size:
            return lowest, lowest * MIXED_SHARE
    # Around an image whose own values are negative, too, only a gap as wide as all of these tells.
    second = float(others.min())
    return (lowest, lowest) if second - lowest > bright - second > 0 else None


def fill_padding(values: Floats, padding: Mask, axis: int, spacing: tuple[float, float, float]) -> None:
    """Replace padding by background, in place. All [k, j, i]; `spacing` in mm; slices lie across `axis`.

    Where the scan shows air, padding takes its level, and near measured voxels of the same slice their values;
    elsewhere it takes the lowest measured value. Nothing is replaced where a measured value is not finite.
    """
    if not padding.any() or padding.all():
        return
    measured = values[~padding]
    if not np.isfinite(measured).all():
        return
    bright = float(np.percentile(measured, 99.5))
    lowest = float(measured.min())
    air = measured[measured < lowest + DARK_SHARE * (bright - lowest)]
    if air.size < AIR_SHARE * measured.size:
        values[padding] = lowest
        return
    values[padding] = float(np.median(air))
    moved, mask = np.moveaxis(values, axis, 0), np.moveaxis(padding, axis, 0)
    steps = [CONTINUED_MM / size for n, size in enumerate(spacing) if n != axis]
    for plane, hidden in zip(moved, mask, strict=True):
        if hidden.any() and not hidden.all():
            _continue(plane, hidden, (steps[0], steps[1]))


def _continue(plane: Floats, hidden: Mask, reach: tuple[float, float]) -> None:
    """Give hidden pixels the value of the nearest one that is not, straight along an axis and at most `reach` away."""
    best = np.full(plane.shape, np.inf)
    filled = plane.copy()
    for axis in (0, 1):
        for backwards in (False, True):
            order = slice(None, None, -1 if backwards else 1)
            seen = np.moveaxis(~hidden, axis, 0)[order]
            source = np.moveaxis(plane, axis, 0)[order]
            place = np.arange(len(seen))[:, None]
            last = np.maximum.accumulate(np.where(seen, place, -1), axis=0)
            # In steps of the longest reach, so that distances along both axes compare in mm.
            distance = np.where(last >= 0, (place - last) / reach[axis], np.inf)
            nearest = np.take_along_axis(source, np.maximum(last, 0), axis=0)
            target, shortest = np.moveaxis(filled, axis, 0)[order], np.moveaxis(best, axis, 0)[order]
            nearer = (distance <= 1) & (distance < shortest)
            target[nearer], shortest[nearer] = nearest[nearer], distance[nearer]
    plane[hidden] = filled[hidden]
