"""What training needs of the cached slices, worked out once: labels, levels, and how bright the brain alone is."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np
import torch

from ..core.arrays import BoolArray, FloatArray, IntArray
from ..core.errors import InputError, SettingsError
from ..datasets.slice_cache import SliceCache
from ..store.noise_predictor_config import NoisePredictorConfig
from ..volumes.standardise import tissue_level
from .slice_batch import SliceBatch

MINIMUM_BRAIN_SHARE = 0.5
"""A slice with less brain than this share of the smallest head that is examined is never stripped."""


class TrainingSlices:
    """Slices ready to be put into batches. Raises SettingsError if they do not fit the model."""

    def __init__(self, cache: SliceCache, model: NoisePredictorConfig) -> None:
        if cache.modalities != model.modalities or cache.grid != model.grid:
            raise SettingsError("The cached slices were prepared for another model; cache them anew for this one.")
        if model.preprocessing.per_slice_min_max or not model.preprocessing.clip:
            raise SettingsError("Training needs preprocessing.clip true and preprocessing.per_slice_min_max false.")
        self.cache = cache
        self.shape = (len(model.modalities), model.grid.matrix, model.grid.matrix)
        self.label = np.where(cache.unhealthy, model.unhealthy_label, model.healthy_label).astype(np.int64)
        self._free = ~cache.unhealthy if model.network.spatial_condition else None
        least = model.preprocessing.minimum_head_mm2
        area = np.zeros(len(cache))
        self.brain_level = cache.level.copy()
        self.brain_scale = np.ones((len(cache), self.shape[0]), dtype=np.float32)
        self.scalp_scale = np.ones_like(self.brain_scale)
        for number, volume in enumerate(cache.volumes):
            rows = np.flatnonzero(cache.volume == number)
            if volume.skull_stripped or len(rows) == 0:
                continue
            brain = cache.brain(rows)
            area[rows] = brain.sum(axis=(1, 2)) * model.grid.pixel_mm**2
            if model.preprocessing.tissue_units is None:
                self._measure_brain(rows, brain, model.preprocessing.percentile)
            else:
                self._measure_tissue(rows, brain)
            self.brain_level[rows] = _level_within(cache.level[rows], (area[rows] >= least) & (area[rows] > 0))
        self.stripped_scale = self.brain_scale / model.preprocessing.stripped_gain
        if model.preprocessing.tissue_units is not None:
            # A median follows neither a bright nor a dim scalp.
            self.brain_scale[:], self.scalp_scale[:] = 1, 0
        self.whole_head = ~cache.skull_stripped & (area >= MINIMUM_BRAIN_SHARE * least) & (area > 0)

    def __len__(self) -> int:
        return len(self.cache)

    def batch(self, rows: IntArray) -> SliceBatch:
        """Slices as tensors on the CPU."""

        def floats(values: FloatArray | BoolArray) -> torch.Tensor:
            return torch.from_numpy(np.asarray(values, dtype=np.float32))

        return SliceBatch(
            values=floats(self.cache.images[rows]),
            head=floats(self.cache.head(rows)),
            brain=floats(self.cache.brain(rows)),
            whole_head=torch.from_numpy(self.whole_head[rows]),
            brain_scale=floats(self.brain_scale[rows]),
            stripped_scale=floats(self.stripped_scale[rows]),
            scalp_scale=floats(self.scalp_scale[rows]),
            label=torch.from_numpy(self.label[rows]),
            level=floats(self.cache.level[rows]),
            brain_level=floats(self.brain_level[rows]),
            lesion=None if self._free is None else self._lesion(self._free[rows]),
        )

    def _lesion(self, free: BoolArray) -> torch.Tensor:
        """None anywhere in slices that are free of lesions, unknown in others: [N, H, W]."""
        amount = torch.where(torch.from_numpy(free), 0.0, torch.nan)
        return amount[:, None, None].expand(len(free), *self.shape[1:])

    def fingerprint(self) -> str:
        """Tells one data set from another wherever its files lie: the table's columns and some of the pixels."""
        cache = self.cache
        digest = hashlib.sha256()
        for column in (cache.unhealthy, cache.level, cache.source, cache.split, cache.subject, cache.slice_index):
            digest.update(np.ascontiguousarray(column).tobytes())
        some = np.linspace(0, len(self) - 1, min(64, len(self))).astype(np.int64)
        digest.update(np.ascontiguousarray(cache.images[some]).tobytes())
        return digest.hexdigest()

    def _measure_brain(self, rows: IntArray, brain: BoolArray, percentile: float) -> None:
        values = np.asarray(self.cache.images[rows], dtype=np.float32)
        head = self.cache.head(rows)
        for channel in range(values.shape[1]):
            for scale, inside in ((self.brain_scale, head & brain), (self.scalp_scale, head & ~brain)):
                if inside.any():
                    scale[rows, channel] = np.percentile(values[:, channel][inside], percentile)

    def _measure_tissue(self, rows: IntArray, brain: BoolArray) -> None:
        """The median of the brain's tissue alone, in units of the head's."""
        values = np.asarray(self.cache.images[rows], dtype=np.float32)
        for channel in range(values.shape[1]):
            with contextlib.suppress(InputError):  # no brain, or none that shows
                alone = tissue_level(values[:, channel] * brain)
                self.brain_scale[rows, channel] = alone / tissue_level(values[:, channel])


def _level_within(level: FloatArray, present: BoolArray) -> FloatArray:
    """Levels relative to the lowest and highest slice that is present; NaN beyond, and where they are unknown."""
    known = present & np.isfinite(level)
    inside = np.full_like(level, np.nan)
    if known.any():
        low, high = level[known].min(), level[known].max()
        if high > low:
            within = (level >= low) & (level <= high)
            inside[within] = (level[within] - low) / (high - low)
    return inside
