"""Uncertainty of a figure: the subjects are drawn again, since slices of one head are not independent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..core.arrays import FloatArray, IntArray

Statistic = Callable[[FloatArray], FloatArray]
"""From weights of the subjects [B, subjects], how often each counts, to the figure [B]."""

INTERVAL = 0.95


class SubjectBootstrap:
    """Weights of resampled subjects; the same seed gives the same ones, so that methods are compared on equal draws."""

    def __init__(self, subjects: int, resamplings: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 20])
        self.subjects = subjects
        self.weights: npt.NDArray[np.float64] = rng.multinomial(
            subjects, np.full(subjects, 1 / subjects), size=resamplings
        ).astype(np.float64)

    def interval(self, statistic: Statistic) -> tuple[float, float] | None:
        """The middle 95 % of the figure over the resamplings; None with fewer than two subjects or no finite value."""
        if self.subjects < 2 or len(self.weights) == 0:
            return None
        values = statistic(self.weights)
        values = values[np.isfinite(values)]
        if values.size == 0:
            return None
        low, high = np.quantile(values, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2])
        return float(low), float(high)


def mean_by_subject(values: FloatArray, subject: IntArray, subjects: int, counted: npt.ArrayLike = True) -> Statistic:
    """The mean of `values` [n] over the items `counted`, each weighing as often as its subject [n] is drawn."""
    use = np.broadcast_to(np.asarray(counted, dtype=bool), values.shape)
    total = np.bincount(subject[use], weights=values[use], minlength=subjects)
    count = np.bincount(subject[use], minlength=subjects)

    def statistic(weights: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((weights @ total) / (weights @ count))

    return statistic
