"""The threshold of a method whose answer is a map, from image-level labels alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..core.errors import SettingsError
from ..methods.map_evidence import MapEvidence
from ..thresholds.image_labels import best_healthy_level, healthy_threshold
from .examined_volumes import ExaminedVolumes
from .slices import LabelledSlices


def calibrate_map(
    volumes: ExaminedVolumes, slices: LabelledSlices, before: Any, *, minimum_size_px: int, source: str
) -> Any:
    """The calibration `before` of a model with the threshold replaced, and where it comes from.

    The threshold is the quantile of healthy slices, among those of `HEALTHY_LEVELS`, whose masks tell unhealthy slices
    best. `volumes`: of the model; `slices`: all of one split. Raises what examining does, and SettingsError for a
    method whose evidence is no map.
    """
    maps = np.zeros(slices.interior.shape, dtype=np.float32)
    for volume in volumes.examine(slices):
        if not isinstance(volume.case.evidence, MapEvidence):
            raise SettingsError(f"The method {volume.case.method} is calibrated in another way.")
        maps[volume.positions] = volume.on_slices(volume.case.evidence.map[:, 0])
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
