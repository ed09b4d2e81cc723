"""Colors of the heatmap and of its outline, without any plotting library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OUTLINE_RGB = (0, 230, 255)
"""Cyan: no color of the table below comes near it."""

# Deep red to pale yellow with steadily rising lightness, so that brighter always means higher.
_STOPS = np.array([0.0, 0.35, 0.7, 1.0])
_STOP_RGB = np.array([(150, 0, 40), (222, 62, 24), (250, 152, 30), (255, 242, 150)], dtype=float)
_OPACITY = (0.35, 0.6)
_SMALLEST_TOP = 1.5
_MOST_TICKS = 6


def heat_rgb(score: NDArray[np.float32], top: float) -> NDArray[np.uint8]:
    """Colors [..., 3] of scores from 1 to `top`; values outside take the end colors."""
    place = np.clip((score - 1) / (top - 1), 0, 1)
    channels = [np.interp(place, _STOPS, _STOP_RGB[:, c]) for c in range(3)]
    colors: NDArray[np.float64] = np.rint(np.stack(channels, axis=-1))
    return colors.astype(np.uint8)


def blend_heat(picture: NDArray[np.uint8], score: NDArray[np.float32], top: float) -> NDArray[np.uint8]:
    """`picture` [h, w, 3] with the colors of `score` [h, w] laid over it; unchanged below a score of 1."""
    low, high = _OPACITY
    opacity = np.where(score >= 1, low + (high - low) * np.clip((score - 1) / (top - 1), 0, 1), 0.0)[..., None]
    blended: NDArray[np.float64] = np.rint(picture * (1 - opacity) + heat_rgb(score, top) * opacity)
    return blended.astype(np.uint8)


def outline(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The ring of `width` pixels just outside the mask [h, w], so that it hides nothing inside."""
    grown = mask
    for _ in range(width):
        padded = np.pad(grown, 1)
        grown = grown | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return grown & ~mask


def top_of_scale(score: NDArray[np.float32]) -> float:
    """Upper end of the color scale: 99 % of the scores above 1 lie below it; a multiple of 0.5."""
    above = score[score >= 1]
    if above.size == 0:
        return _SMALLEST_TOP
    return max(_SMALLEST_TOP, float(np.ceil(np.quantile(above, 0.99) * 2) / 2))


def scale_ticks(top: float) -> list[float]:
    """Values to mark on the scale from 1 to `top`: both ends and round steps between them."""
    step = next(step for step in (0.5 * 2**n for n in range(64)) if (top - 1) / step <= _MOST_TICKS - 1)
    inner = np.arange(1 + step, top - step / 2, step)
    return [1.0, *inner.tolist(), top]
