"""The best possible threshold: no other is better, with and without small components."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anofpdm.evaluation import metrics
from anofpdm.evaluation.best_threshold import best_dice_threshold
from anofpdm.thresholds.postprocessing import filtered_map, small_components

SEEDS = st.integers(0, 10_000)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_the_best_threshold_is_at_least_as_good_as_any_tried(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lesion, region = rng.random((5, 8, 8)) < 0.15, rng.random((5, 8, 8)) < 0.8
    maps = rng.integers(0, 9, (5, 8, 8)) + 3.0 * lesion
    threshold, best = best_dice_threshold(maps, lesion, region)
    assert metrics.dice((maps >= threshold) & region, lesion).mean() == pytest.approx(best)
    others = [metrics.dice((maps >= t) & region, lesion).mean() for t in np.arange(-1, 14)]
    assert best >= max(others) - 1e-9


def test_the_best_threshold_copes_with_an_empty_region() -> None:
    lesion = np.zeros((2, 4, 4), dtype=bool)
    lesion[0, 1, 1] = True
    _, best = best_dice_threshold(np.ones((2, 4, 4)), lesion, np.zeros((2, 4, 4), dtype=bool))
    assert best == 0.5


@given(SEEDS)
@settings(max_examples=6, deadline=None)
def test_with_small_components_dropped_it_is_best_of_what_is_left(seed: int) -> None:
    """Smooth maps with a planted lesion and false alarms of a few pixels, which the drop takes away."""
    rng = np.random.default_rng(seed)
    maps = filtered_map(rng.random((6, 1, 32, 32)).astype(np.float32))
    lesion = np.zeros(maps.shape, dtype=bool)
    lesion[:, 8:15, 10:18] = True
    maps[lesion] += 0.3
    maps[:, 25, 20:23] = 2.0
    region = np.ones(maps.shape, dtype=bool)

    def dice(threshold: float) -> float:
        masks = maps >= threshold
        return float(metrics.dice(masks & ~small_components(masks, 6), lesion).mean())

    threshold, best = best_dice_threshold(maps, lesion, region, 6)
    assert best == dice(threshold)
    plain, _ = best_dice_threshold(maps, lesion, region)
    assert best >= dice(plain)
    assert best >= max(dice(float(t)) for t in np.quantile(maps, np.linspace(0.8, 1, 40))) - 0.02
