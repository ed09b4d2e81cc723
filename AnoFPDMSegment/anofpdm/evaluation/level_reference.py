"""What healthy slices of the same height in the head look like, for each slice: statistics and thresholds of maps.

Only image-level labels are used. A slice is never compared with slices of its own subject, so that tuning on the
measured slices does not flatter the result.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..core.errors import InputError
from .slices import LabelledSlices

BANDWIDTH = 0.07
"""Standard deviation, as a share of the head's height, of the weights of slices at other heights."""
PLACE_MM = 8.0
"""Standard deviation of the smoothing of healthy means by place: heads are aligned no better."""
SMALLEST_SPREAD = 0.2
"""A place's healthy standard deviation counts as at least this share of the slice's."""


class LevelReference:
    """Weights of the healthy tuning slices for each slice of a set.

    Raises InputError where a slice has no healthy slice of another subject to be compared with.
    """

    def __init__(self, slices: LabelledSlices, tuning: LabelledSlices) -> None:
        self._slices = slices
        healthy = np.flatnonzero(~tuning.unhealthy & tuning.interior.any(axis=(1, 2)))
        self._healthy = healthy
        self._interior = tuning.interior[healthy]
        distance = slices.level[:, None].astype(np.float64) - tuning.level[healthy][None]
        # Where either level is unknown every height counts alike.
        weights = np.where(np.isfinite(distance), np.exp(-0.5 * np.square(distance / BANDWIDTH)) + 1e-6, 1e-6)
        names = np.array(slices.subject_names)[slices.subject]
        others = np.array(tuning.subject_names)[tuning.subject[healthy]]
        weights = weights * (names[:, None] != others[None])
        total = weights.sum(axis=1, keepdims=True)
        if len(healthy) == 0 or not total.all():
            raise InputError(
                "Comparing with healthy slices of other subjects needs healthy slices of at least two subjects in the "
                "tuning split; choose another one or leave the label-free variants out."
            )
        self.weights: FloatArray = weights / total
        """[N, healthy tuning slices]; rows sum to 1."""

    def standardised(self, maps: FloatArray, tuning_maps: FloatArray) -> FloatArray:
        """(maps - mean) / standard deviation of the healthy slices at each slice's height, [N, H, W]."""
        mean, spread = self._by_level(tuning_maps)
        return np.asarray((maps - mean[:, None, None]) / spread[:, None, None], dtype=np.float32)

    def standardised_by_place(self, maps: FloatArray, tuning_maps: FloatArray, pixel_mm: float) -> FloatArray:
        """The same with mean and standard deviation at each place of the frame; 0 where no healthy head is."""
        inside = self._interior.reshape(len(self._healthy), -1).astype(np.float64)
        values = tuning_maps[self._healthy].reshape(len(self._healthy), -1) * inside
        sigma = PLACE_MM / pixel_mm
        count, first, second = (
            _smoothed((self.weights @ part).reshape(maps.shape), sigma) for part in (inside, values, values * values)
        )
        known = count > 0.05
        safe = np.where(known, count, 1)
        mean = first / safe
        _, spread = self._by_level(tuning_maps)
        variance = np.maximum(second / safe - mean * mean, np.square(SMALLEST_SPREAD * spread)[:, None, None])
        return np.where(known, (maps - mean) / np.sqrt(variance), 0).astype(np.float32)

    def thresholds(self, tuning_maps: FloatArray, levels: Sequence[float]) -> FloatArray:
        """Quantiles of the healthy slices' pixels at each slice's height: [N, levels]."""
        chosen = tuning_maps[self._healthy]
        values = chosen[self._interior].astype(np.float64)
        of_slice = np.repeat(np.arange(len(chosen)), self._interior.sum(axis=(1, 2)))
        order = np.argsort(values, kind="stable")
        values, of_slice = values[order], of_slice[order]
        found = np.empty((len(self.weights), len(levels)))
        for row, weights in enumerate(self.weights):
            share = np.cumsum(weights[of_slice])
            found[row] = values[np.minimum(np.searchsorted(share, np.asarray(levels) * share[-1]), len(values) - 1)]
        return found

    def conformal(self, statistic: FloatArray, alpha: float) -> FloatArray:
        """For each slice the threshold that a new healthy slice's statistic exceeds with probability at most `alpha`.

        The ceil((n + 1)(1 - alpha))-th smallest of the n healthy slices of other subjects; infinite where n is too
        small. It holds for exchangeable slices; those of one subject are less different than that.

        Args:
            statistic: of the tuning slices, [M].
        """
        values = statistic[self._healthy]
        found = np.empty(len(self.weights))
        for row, weights in enumerate(self.weights):
            others = np.sort(values[weights > 0])
            rank = int(np.ceil((len(others) + 1) * (1 - alpha)))
            found[row] = others[rank - 1] if rank <= len(others) else np.inf
        return found

    def _by_level(self, tuning_maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation [N] of healthy interiors at each slice's height."""
        chosen, interior = tuning_maps[self._healthy].astype(np.float64), self._interior
        count = interior.sum(axis=(1, 2))
        mean = self.weights @ ((chosen * interior).sum(axis=(1, 2)) / count)
        second = self.weights @ ((chosen * chosen * interior).sum(axis=(1, 2)) / count)
        return mean, np.sqrt(np.maximum(second - mean * mean, 1e-24))


def _smoothed(maps: FloatArray, sigma: float) -> FloatArray:
    """Each map [N, H, W] smoothed in plane; `sigma` in pixels."""
    image = sitk.GetImageFromArray(np.asarray(maps, dtype=np.float64))
    gaussian = sitk.DiscreteGaussian(image, variance=[sigma**2, sigma**2, 0.0], maximumKernelWidth=64)
    return np.asarray(sitk.GetArrayFromImage(gaussian))


def alarm_statistic(maps: FloatArray, interior: BoolArray, minimum_size_px: int) -> FloatArray:
    """The threshold from which on a slice shows no component: its (minimum size + 1)-th largest value inside, [N].

    Holes aside: a component counts with its holes filled.
    """
    values = np.where(interior, maps, -np.inf).reshape(len(maps), -1)
    k = min(minimum_size_px + 1, values.shape[1])
    return np.asarray(np.partition(values, values.shape[1] - k, axis=1)[:, values.shape[1] - k])
