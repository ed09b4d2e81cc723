"""The threshold of a method whose answer is a map, from image-level labels alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..core.arrays import FloatArray
from ..core.errors import SettingsError
from ..methods.map_evidence import MapEvidence
from ..thresholds.auroc import area_under_roc
from ..thresholds.image_labels import best_healthy_level, healthy_threshold
from ..thresholds.map_statistic import TOP_MM2, map_statistic
from .examined_volumes import ExaminedVolumes
from .slices import LabelledSlices


def maps_of(volumes: ExaminedVolumes, slices: LabelledSlices) -> FloatArray:
    """Maps [N, H, W] of the slices, all of one split; 0 where one was not examined. `volumes`: of the model.

    Raises what examining does, and SettingsError for a method whose evidence is no map.
    """
    maps = np.zeros(slices.interior.shape, dtype=np.float32)
    for volume in volumes.examine(slices):
        if not isinstance(volume.case.evidence, MapEvidence):
            raise SettingsError(f"The method {volume.case.method} is calibrated in another way.")
        maps[volume.positions] = volume.on_slices(volume.case.evidence.map[:, 0])
    return maps


def image_auroc(maps: FloatArray, slices: LabelledSlices) -> float:
    """How well the largest values of the maps [N, H, W] tell unhealthy slices."""
    top_pixels = max(1, round(TOP_MM2 / slices.pixel_mm**2))
    return area_under_roc(map_statistic(maps, slices.interior, top_pixels), slices.unhealthy)


def calibration_of_maps(
    maps: FloatArray, slices: LabelledSlices, before: Any, *, minimum_size_px: int, source: str
) -> Any:
    """The calibration `before` of a model with the threshold replaced, and where it comes from.

    The threshold is the quantile of healthy slices, among those of `HEALTHY_LEVELS`, whose masks tell unhealthy slices
    best. `maps`: [N, H, W] of the slices.
    """
    level = best_healthy_level(maps, slices, minimum_size_px)
    return replace(
        before,
        threshold=healthy_threshold(maps, slices, level),
        healthy_level=level,
        source=source,
        slices=len(slices),
        unhealthy_slices=int(slices.unhealthy.sum()),
        subjects=slices.subjects,
    )
