"""Measures of masks, maps and image-level scores; numpy only. Each is what its name says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..core.arrays import BoolArray, FloatArray, IntArray

LEVEL_BINS = 10


def dice(predicted: BoolArray, lesion: BoolArray) -> FloatArray:
    """Dice of each pair of masks [N, ...]: 2 |A and B| / (|A| + |B|), 1 where both are empty. [N]."""
    hits, sizes = _overlap(predicted, lesion)
    return np.asarray(np.where(sizes > 0, 2 * hits / np.maximum(sizes, 1), 1.0))


def intersection_over_union(predicted: BoolArray, lesion: BoolArray) -> FloatArray:
    """IoU of each pair of masks [N, ...]: |A and B| / |A or B|, 1 where both are empty. [N]."""
    hits, sizes = _overlap(predicted, lesion)
    union = sizes - hits
    return np.asarray(np.where(union > 0, hits / np.maximum(union, 1), 1.0))


def _overlap(predicted: BoolArray, lesion: BoolArray) -> tuple[IntArray, IntArray]:
    axes = tuple(range(1, predicted.ndim))
    return np.logical_and(predicted, lesion).sum(axis=axes), predicted.sum(axis=axes) + lesion.sum(axis=axes)


def cumulative_counts(values: FloatArray, positive: BoolArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Distinct values falling, and how many positives and negatives are at or above each.

    Args:
        values, positive: [n].
    """
    order = np.argsort(-values, kind="stable")
    ordered, labels = values[order], positive[order]
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True)) if len(ordered) else np.array([], dtype=np.int64)
    hits = np.cumsum(labels, dtype=np.int64)[last]
    return ordered[last], hits, last + 1 - hits


def average_precision(values: FloatArray, positive: BoolArray) -> float:
    """Area under the precision-recall curve, sum of (R_k - R_{k-1}) P_k over falling thresholds; NaN without positives.

    Args:
        values, positive: [n], for instance the pixels of all slices inside the eroded head.
    """
    _, hits, misses = cumulative_counts(values, positive)
    return float(_average_precision(hits[None].astype(np.float64), misses[None].astype(np.float64))[0])


def _average_precision(hits: npt.NDArray[np.float64], misses: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """From cumulative counts [B, k] over falling thresholds."""
    if hits.shape[1] == 0:
        return np.full(len(hits), np.nan)
    precision = hits / np.maximum(hits + misses, 1e-300)
    gain = np.diff(hits, axis=1, prepend=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((gain * precision).sum(axis=1) / hits[:, -1])


class BinnedPixels:
    """Pixels counted by subject and map value, so that many resamplings of the subjects stay cheap.

    `bins` quantiles of the positives' and of all values bound the bins; the average precision of a resampling differs
    from the exact one by less than the share of a bin.
    """

    def __init__(
        self, values: FloatArray, positive: BoolArray, subject: IntArray, subjects: int, bins: int = 1024
    ) -> None:
        """`values`, `positive`, `subject` [n]: `subject` counts 0..subjects-1."""
        levels = np.linspace(0, 1, bins)
        edges = [np.quantile(part, levels) for part in (values, values[positive]) if part.size]
        edge = np.unique(np.concatenate(edges)) if edges else np.array([0.0])
        place = len(edge) - np.searchsorted(edge, values, side="right")  # 0: the largest values
        size = len(edge) + 1
        flat = subject * size + place
        shape = (subjects, size)
        self._hits = np.bincount(flat[positive], minlength=subjects * size).reshape(shape).astype(np.float64)
        self._misses = np.bincount(flat[~positive], minlength=subjects * size).reshape(shape).astype(np.float64)

    def average_precision(self, weights: FloatArray) -> FloatArray:
        """For each row of subject weights [B, subjects]: the average precision [B]."""
        return _average_precision(np.cumsum(weights @ self._hits, axis=1), np.cumsum(weights @ self._misses, axis=1))


def precision_recall_curve(
    values: FloatArray, positive: BoolArray, points: int = 200
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(thresholds, precision, recall), thinned to about `points` evenly spaced recalls."""
    thresholds, hits, misses = cumulative_counts(values, positive)
    if len(hits) == 0 or hits[-1] == 0:
        empty = np.array([])
        return empty, empty, empty
    recall = hits / hits[-1]
    chosen = np.unique(np.minimum(np.searchsorted(recall, np.linspace(0, 1, points)), len(recall) - 1))
    return thresholds[chosen], (hits / (hits + misses))[chosen], recall[chosen]


def level_stratum(level: FloatArray) -> IntArray:
    """The tenth of the head a slice lies in, 0..9; -1 where its level is unknown."""
    known = np.isfinite(level)
    tenth = np.clip(np.floor(np.where(known, level, 0) * LEVEL_BINS), 0, LEVEL_BINS - 1)
    return np.where(known, tenth, -1).astype(np.int64)


def pairs_of_labels(unhealthy: BoolArray, stratum: IntArray) -> int:
    """How many (unhealthy, healthy) pairs of slices share a stratum; those of -1 do not count."""
    values = [stratum == value for value in np.unique(stratum[stratum >= 0])]
    return sum(int((unhealthy & here).sum()) * int((~unhealthy & here).sum()) for here in values)


def correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's correlation of two lists [n]; NaN where one of them does not vary. Of `ranks`: Spearman's."""
    a, b = first - first.mean(), second - second.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / norm) if norm > 0 else float("nan")


def ranks(values: FloatArray) -> FloatArray:
    """The rank of each value [n] from 1, equal values sharing their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])
