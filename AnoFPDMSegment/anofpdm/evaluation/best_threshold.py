"""The best possible threshold of a map, found by looking at pixel masks: a bound for every single threshold."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray
from ..thresholds.postprocessing import small_components
from . import metrics

CANDIDATES = 400
SLACK = 0.25
"""Thresholds further below the best while nothing is dropped are not looked at again."""
COARSE, FINE = 24, 10


def best_dice_threshold(
    maps: FloatArray, lesion: BoolArray, region: BoolArray, minimum_size_px: int = 0
) -> tuple[float, float]:
    """The one threshold for all slices with the best mean Dice of `maps >= threshold` in the region: (threshold, Dice).

    Quantiles of the values of lesions and of all pixels are tried. With `minimum_size_px` masks lose their small
    components before they are measured, as methods' masks do; then the best is sought coarsely, and finely around it.

    Args:
        maps, lesion, region: [N, H, W], N > 0.
    """
    tried, dice = _without_dropping(maps, lesion, region)
    if minimum_size_px <= 0:
        best = int(np.argmax(dice))
        return float(tried[best]), float(dice[best])

    close = dice >= dice.max() - SLACK
    near = tried[close]

    def measured(positions: list[int]) -> dict[int, float]:
        found = {}
        for position in positions:
            masks = np.asarray(maps >= near[position]) & region
            masks &= ~small_components(masks, minimum_size_px)
            found[position] = float(metrics.dice(masks, lesion).mean())
        return found

    undropped = int(np.argmax(dice[close]))
    coarse = sorted({undropped, *_spread(0, len(near) - 1, COARSE)})
    found = measured(coarse)
    middle = coarse.index(max(found, key=found.__getitem__))
    around = _spread(coarse[max(0, middle - 1)], coarse[min(len(coarse) - 1, middle + 1)], FINE + 2)
    found |= measured([position for position in around if position not in found])
    best = max(found, key=found.__getitem__)
    return float(near[best]), found[best]


def _spread(first: int, last: int, count: int) -> list[int]:
    return [int(position) for position in np.unique(np.linspace(first, last, count).round())]


def _without_dropping(maps: FloatArray, lesion: BoolArray, region: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Rising thresholds, and the mean Dice of each; a slice without lesion counts 1 if nothing of it is found."""
    inside = maps[region]
    pools = [inside, maps[lesion & region]]
    levels = np.linspace(0, 1, CANDIDATES)
    # Above every value: no pixel at all.
    highest = np.nextafter(inside.max(), np.inf) if inside.size else np.inf
    tried = np.unique(np.concatenate([[highest], *(np.quantile(pool, levels) for pool in pools if pool.size)]))
    total = np.zeros(len(tried))
    for values, mask, allowed in zip(maps, lesion, region, strict=True):
        chosen = np.sort(values[allowed])
        found = np.sort(values[allowed & mask])
        above = len(chosen) - np.searchsorted(chosen, tried, side="left")
        hits = len(found) - np.searchsorted(found, tried, side="left")
        sizes = above + int(mask.sum())
        total += np.where(sizes > 0, 2 * hits / np.maximum(sizes, 1), 1.0)
    return tried, total / len(maps)
