"""From a map to a method's outputs: thresholded once with image-level labels and once as masks would have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.arrays import FloatArray
from ..thresholds.map_statistic import map_statistic
from .best_threshold import best_dice_threshold
from .method_output import Cost, MethodInput, MethodOutput, masks_above, tune_with_labels


def outputs_of_map(
    name: str,
    family: str,
    maps: FloatArray,
    tuning_maps: FloatArray,
    given: MethodInput,
    *,
    parameters: Mapping[str, Any] | None = None,
    cost: Cost | None = None,
) -> Iterator[MethodOutput]:
    """Tuned with image labels; and, where lesions are given and some are left on the grid, at the threshold best for
    the Dice of unhealthy slices.

    Args:
        maps: of the measured slices [N, H, W].
        tuning_maps: of the tuning slices [M, H, W].
    """
    tuned = tune_with_labels(tuning_maps, given)
    score = map_statistic(maps, given.measured.interior, given.top_pixels)
    shared = {**(parameters or {}), "image_threshold": tuned.image_threshold}
    decided, cost = score >= tuned.image_threshold, cost or Cost()
    by_labels = {"threshold": tuned.threshold, "healthy_level": tuned.healthy_level}
    masks = masks_above(maps, tuned.threshold, given)
    yield MethodOutput(name, family, "image labels", {**shared, **by_labels}, maps, masks, score, decided, cost)
    if given.masked is not None and given.masked.outlined.any():
        sick = given.masked.outlined
        best, _ = best_dice_threshold(
            maps[sick], given.masked.lesion[sick], given.measured.interior[sick], given.minimum_size_px
        )
        masks = masks_above(maps, best, given)
        yield MethodOutput(
            f"{name}, best possible threshold",
            family,
            "pixel masks",
            {**shared, "threshold": best},
            maps,
            masks,
            score,
            decided,
            cost,
        )
