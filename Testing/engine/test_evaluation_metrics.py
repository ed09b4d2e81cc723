"""Metrics against scikit-learn and brute force on random masks, maps and labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    jaccard_score,
    precision_recall_curve,
    roc_auc_score,
)

from anofpdm.evaluation import metrics
from anofpdm.thresholds.auroc import resampled_area_under_roc

SEEDS = st.integers(0, 10_000)


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_dice_and_iou_are_scikit_learns_f1_and_jaccard(seed: int) -> None:
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.05, 0.6, size=(6, 1, 1))
    predicted, lesion = rng.random((6, 7, 9)) < share, rng.random((6, 7, 9)) < share[::-1]
    for ours, theirs in ((metrics.dice, f1_score), (metrics.intersection_over_union, jaccard_score)):
        expected = [theirs(b.ravel(), a.ravel(), zero_division=1.0) for a, b in zip(predicted, lesion, strict=True)]
        np.testing.assert_allclose(ours(predicted, lesion), expected)


def test_empty_masks_agree_with_empty_and_with_nothing_else() -> None:
    empty, full = np.zeros((1, 4, 4), dtype=bool), np.ones((1, 4, 4), dtype=bool)
    assert metrics.dice(empty, empty) == 1 and metrics.intersection_over_union(empty, empty) == 1
    assert metrics.dice(empty, full) == 0 and metrics.intersection_over_union(full, empty) == 0


@given(SEEDS, st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_average_precision_is_scikit_learns_ties_included(seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, distinct, 300).astype(float)
    positive = rng.random(300) < 0.1
    positive[0] = True
    assert metrics.average_precision(values, positive) == pytest.approx(average_precision_score(positive, values))


def test_average_precision_without_positives_is_undefined() -> None:
    assert np.isnan(metrics.average_precision(np.arange(5.0), np.zeros(5, dtype=bool)))
    assert np.isnan(metrics.average_precision(np.array([]), np.array([], dtype=bool)))


def test_the_curve_is_scikit_learns_thinned() -> None:
    rng = np.random.default_rng(1)
    values, positive = rng.normal(size=500), rng.random(500) < 0.2
    thresholds, precision, recall = metrics.precision_recall_curve(values, positive, points=50)
    p, r, t = precision_recall_curve(positive, values)
    exact = {float(threshold): (p[k], r[k]) for k, threshold in enumerate(t)}
    assert 30 <= len(thresholds) <= 50
    for threshold, ours in zip(thresholds, zip(precision, recall, strict=True), strict=True):
        assert ours == pytest.approx(exact[float(threshold)])
    assert recall[-1] == 1


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_binned_average_precision_of_a_resampling_is_that_of_the_repeated_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    subject = rng.integers(0, 4, 4000)
    positive = rng.random(4000) < 0.1
    values = rng.gamma(2, size=4000) + 1.5 * positive
    weights = rng.integers(0, 3, size=(3, 4)).astype(float)
    weights[:, 0] = 1
    binned = metrics.BinnedPixels(values, positive, subject, 4).average_precision(weights)
    for row, found in zip(weights, binned, strict=True):
        times = row[subject].astype(int)
        expected = average_precision_score(np.repeat(positive, times), np.repeat(values, times))
        assert found == pytest.approx(expected, abs=0.01)


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_area_under_roc_is_scikit_learns_of_the_repeated_slices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, unhealthy = rng.integers(0, 7, 40).astype(float), rng.random(40) < 0.4
    unhealthy[:2] = [True, False]
    weights = rng.integers(0, 3, size=(4, 40)).astype(float)
    weights[:, :2] = 1
    found = resampled_area_under_roc(score, unhealthy, weights)
    for row, value in zip(weights, found, strict=True):
        times = row.astype(int)
        assert value == pytest.approx(roc_auc_score(np.repeat(unhealthy, times), np.repeat(score, times)))


def test_within_a_stratum_only_pairs_of_it_count() -> None:
    rng = np.random.default_rng(3)
    score, unhealthy, stratum = rng.normal(size=60), rng.random(60) < 0.5, rng.integers(-1, 4, 60)
    won = pairs = 0.0
    for i in np.flatnonzero(unhealthy & (stratum >= 0)):
        for j in np.flatnonzero(~unhealthy & (stratum == stratum[i])):
            won += (score[i] > score[j]) + 0.5 * (score[i] == score[j])
            pairs += 1
    assert resampled_area_under_roc(score, unhealthy, np.ones((1, 60)), stratum)[0] == pytest.approx(won / pairs)
    assert metrics.pairs_of_labels(unhealthy, stratum) == pairs


def test_a_score_that_only_knows_the_level_is_worth_nothing_within_it() -> None:
    level = np.repeat((np.arange(10) + 0.5) / 10, 20)
    rng = np.random.default_rng(4)
    unhealthy = rng.random(200) < 1 - 1.8 * np.abs(level - 0.5)
    score, one = -np.abs(level - 0.55), np.ones((1, 200))
    assert resampled_area_under_roc(score, unhealthy, one)[0] > 0.7
    assert resampled_area_under_roc(score, unhealthy, one, metrics.level_stratum(level))[0] == pytest.approx(0.5)


def test_levels_fall_into_tenths_and_unknown_ones_into_none() -> None:
    found = metrics.level_stratum(np.array([0.0, 0.0999, 0.1, 0.95, 1.0, np.nan]))
    assert found.tolist() == [0, 0, 1, 9, 9, -1]
