"""Pictures of single slices as plain arrays: the image, the heatmap over it, the outline. No picture library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..volumes.resized_maps import resized
from .heat_colors import OUTLINE_RGB, blend_heat, outline

Picture = NDArray[np.uint8]
"""[side, side, 3]."""


def gray_picture(values: NDArray[Any], side: int) -> Picture:
    """Values [h, w] in 0..255 as gray."""
    fine = np.clip(np.rint(_fine(values, side)), 0, 255).astype(np.uint8)
    return np.repeat(fine[:, :, None], 3, axis=2)


def heat_picture(
    display: NDArray[np.uint8], score: NDArray[np.float32], top: float, side: int, mask: NDArray[np.bool_] | None = None
) -> Picture:
    """A slice, colored where the score is at least 1, with an outline around the mask.

    display: [h, w]. score: [H, W] of the same field of view. top: end of the color scale. mask: [h', w'] of the same
    field of view; None: where the score is at least 1.
    """
    fine = _fine(score, side)
    inside = fine >= 1 if mask is None else _fine(mask, side) >= 0.5
    picture = blend_heat(gray_picture(display, side), fine, top)
    picture[outline(inside, width=2)] = OUTLINE_RGB
    return picture


def prediction_picture(prediction: NDArray[np.float32], score: NDArray[np.float32], side: int) -> Picture:
    """A healthy prediction [H, W] in [-1, 1] with the outline of a score of 1."""
    picture = gray_picture(np.clip((prediction + 1) * 127.5, 0, 255), side)
    picture[outline(_fine(score, side) >= 1, width=1)] = OUTLINE_RGB
    return picture


def slices_to_show(flagged: Sequence[int], score: NDArray[np.float32], most: int) -> list[int]:
    """At most `most` of the flagged slices, evenly chosen, the strongest always among them. score: [S, H, W]."""
    shown = evenly(flagged, most)
    peak = max(flagged, key=lambda index: float(score[index].max()))
    if peak not in shown:
        shown[min(range(len(shown)), key=lambda i: abs(shown[i] - peak))] = peak
    return shown


def evenly(indices: Sequence[int], count: int) -> list[int]:
    """`count` of the indices, as far apart as they go; all of them if they are fewer."""
    if len(indices) <= count:
        return list(indices)
    if count == 1:
        return [indices[len(indices) // 2]]
    return [indices[int(position)] for position in np.rint(np.linspace(0, len(indices) - 1, count))]


def _fine(values: NDArray[Any], side: int) -> NDArray[np.float32]:
    """[h, w] at [side, side]."""
    return np.asarray(resized(values.astype(np.float32)[None], side, side)[0])
