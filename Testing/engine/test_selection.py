"""Algorithm 1, decisions, post-processing and their resolution from a calibration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import label, regionprops
from tiny_model import POINT, tiny_calibration

from anofpdm.core.errors import SettingsError
from anofpdm.methods.anofpdm.algorithm1 import anomaly_strength, quantile_of, quantile_thresholds
from anofpdm.methods.anofpdm.evidence import QuadraticEvidence
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.select import resolve, select
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.methods.anofpdm.similarity import similarity
from anofpdm.thresholds.map_statistic import map_statistic
from anofpdm.thresholds.own_reference import own_threshold
from anofpdm.thresholds.postprocessing import median_filter, small_components
from anofpdm.thresholds.settings import MinimumSize, Threshold

RNG = np.random.default_rng(0)


def evidence(n: int = 3, c: int = 1, size: int = 24, point: OperatingPoint = POINT) -> QuadraticEvidence:
    """Random evidence that satisfies Cauchy-Schwarz (so that no map is negative)."""
    r = RNG.normal(size=(n, c, size, size)).astype(np.float32) * 0.1
    d = RNG.normal(size=(n, c, size, size)).astype(np.float32) * 0.05
    scalars = {name: RNG.random((n, point.steps, c)).astype(np.float32) for name in ("rr", "rd", "dd")}
    return QuadraticEvidence(
        point=point,
        x0=RNG.random((n, c, size, size)).astype(np.float32),
        mean_rr=r * r,
        mean_rd=r * d,
        mean_dd=d * d,
        residual_end=r,
        difference_end=d,
        end_index=np.zeros((n, c), dtype=np.int64),
        **scalars,
    )


def chosen(e: QuadraticEvidence, calibration="default", **changes):
    calibration = tiny_calibration("x", e.x0.shape[1]) if calibration == "default" else calibration
    return resolve(e.point, e.x0.shape[1], SelectionSettings(**changes), calibration, MinimumSize(pixels=0))


# --- Algorithm 1


def test_strength_is_clipped_and_rounded_to_two_decimals() -> None:
    s = anomaly_strength(np.array([[0.5, 3.0], [0.0, 0.123456]]), np.array([1.0, 1.0]))
    assert np.allclose(s, [[0.5, 1.0], [0.0, 0.12]])


def test_quantile_falls_from_98_to_90_percent() -> None:
    assert np.allclose(quantile_of(np.array([0.0, 0.25, 1.0])), [0.98, 0.96, 0.90])


@given(st.integers(2, 12), st.floats(0.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_quantile_thresholds_are_numpys(size: int, q: float) -> None:
    maps = np.random.default_rng(size).random((2, 3, size, size))
    ours = quantile_thresholds(maps, np.full((2, 3), q))
    assert np.allclose(ours, np.quantile(maps.reshape(2, 3, -1), q, axis=-1))


# --- decisions


def test_similarity_averages_channels_before_the_cosine() -> None:
    h, u = RNG.random((4, 9, 2)), RNG.random((4, 9, 2))
    a, b = h.mean(2), u.mean(2)
    expected = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(a, b, strict=True)]
    assert np.allclose(similarity(h, u), expected)
    assert np.allclose(similarity(h, 3 * h), 1)


def test_map_statistic_is_the_mean_of_the_largest_inside() -> None:
    maps = np.arange(2 * 16, dtype=float).reshape(2, 4, 4)
    interior = np.zeros((2, 4, 4), dtype=bool)
    interior[0, :2] = True
    interior[1, 0, :2] = True
    assert map_statistic(maps, interior, 3).tolist() == [6.0, 16.5]
    assert map_statistic(maps, np.zeros_like(interior), 3).tolist() == [0.0, 0.0]


# --- post-processing


@pytest.mark.parametrize("values", [3, 40, 2**24])
def test_median_filter_is_scipys_with_mirrored_borders(values: int) -> None:
    maps = RNG.integers(0, values, (3, 11, 14)).astype(np.float32)
    for radius in (1, 2):
        expected = np.stack([ndimage.median_filter(m, 2 * radius + 1, mode="mirror") for m in maps])
        assert np.array_equal(median_filter(maps, radius), expected)


@given(st.integers(0, 10_000), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_small_components_are_those_of_small_filled_area(seed: int, largest: int) -> None:
    masks = np.random.default_rng(seed).random((2, 12, 13)) < 0.4
    expected = np.zeros_like(masks)
    for mask, out in zip(masks, expected, strict=True):
        labels = label(mask, connectivity=2)
        for region in regionprops(labels):
            if region.area_filled <= largest:
                out |= labels == region.label
    assert np.array_equal(small_components(masks, largest), expected)


def test_a_ring_counts_with_its_hole() -> None:
    mask = np.zeros((1, 7, 7), dtype=bool)
    mask[0, 1:6, 1:6] = True
    mask[0, 2:5, 2:5] = False
    assert mask.sum() == 16
    assert not small_components(mask, 24).any()
    assert small_components(mask, 25).sum() == 16


# --- selection


def test_score_is_the_filtered_map_over_the_threshold() -> None:
    e = evidence()
    interior = np.ones((3, 24, 24), dtype=bool)
    result = select(e, interior, chosen(e, threshold=Threshold("value", 0.004), ungated=True, guidance=2.0))
    expected = median_filter(e.aam(2.0).mean(1)) / 0.004
    assert np.allclose(result.score, expected, rtol=1e-6)


def test_a_volumes_own_reference_cuts_its_filtered_map() -> None:
    e = evidence()
    interior = np.zeros((3, 24, 24), dtype=bool)
    interior[:, 4:20, 4:20] = True
    result = select(e, interior, chosen(e, threshold=Threshold("own", 2.0), ungated=True, guidance=2.0))
    filtered = median_filter(e.aam(2.0).mean(1))
    limit = own_threshold(filtered, interior, 2.0)
    assert np.allclose(result.threshold, limit) and np.isnan(result.quantile).all()
    marked = (result.score >= 1)[interior]
    assert np.array_equal(marked, (filtered >= limit)[interior]) and 0 < marked.mean() < 0.5


def test_dynamic_threshold_follows_algorithm_1_on_the_unfiltered_map() -> None:
    e = evidence(c=2)
    result = select(e, np.ones((3, 24, 24), dtype=bool), chosen(e, threshold=Threshold("dynamic"), guidance=2.0))
    largest = e.divergence(2.0).max(1)
    # (1 + w)^2 times the calibrated 0.01.
    q = 0.98 - 0.08 * np.round(np.clip(largest / 0.09, 0, 1), 2)
    expected = [np.mean([np.quantile(e.aam(2.0)[i, c], q[i, c]) for c in range(2)]) for i in range(3)]
    assert np.allclose(result.threshold, expected, rtol=1e-5)
    assert np.allclose(result.quantile, q)


def test_dynamic_strength_does_not_depend_on_the_guidance_strength() -> None:
    """Without the clamp M_max(w) grows like M_t, so a moving w cannot saturate Algorithm 1."""
    e = evidence()
    quantiles = [
        select(e, np.ones((3, 24, 24), dtype=bool), chosen(e, threshold=Threshold("dynamic"), guidance=w)).quantile
        for w in (0.0, 1.5, 8.0)
    ]
    assert np.array_equal(quantiles[0], quantiles[1]) and np.array_equal(quantiles[0], quantiles[2])


def test_slices_decided_healthy_are_not_accepted_unless_ungated() -> None:
    e = evidence()
    interior = np.ones((3, 24, 24), dtype=bool)
    statistic = select(e, interior, chosen(e, ungated=True)).map_statistic
    limit = float(np.sort(statistic)[1])
    gated = select(e, interior, chosen(e, decision="map", decision_threshold=limit))
    assert gated.unhealthy.tolist() == (statistic >= limit).tolist() and gated.unhealthy.sum() == 2
    assert not gated.accepted[~gated.unhealthy].any() and gated.accepted[gated.unhealthy].all()
    ungated = select(e, interior, chosen(e, decision="map", decision_threshold=limit, ungated=True))
    assert ungated.accepted.all()
    assert np.array_equal(gated.score, ungated.score) and ungated.score.any((1, 2)).all()


def test_similarity_decides_from_below() -> None:
    e = evidence()
    interior = np.ones((3, 24, 24), dtype=bool)
    values = similarity(e.mse_healthy(2.0), e.mse_unguided())
    limit = float(np.sort(values)[0])
    result = select(e, interior, chosen(e, decision="similarity", decision_threshold=limit))
    assert result.unhealthy.tolist() == (values <= limit).tolist() and result.unhealthy.sum() == 1


def test_last_sam_only_uses_the_end_step() -> None:
    e = evidence()
    interior = np.ones((3, 24, 24), dtype=bool)
    result = select(e, interior, chosen(e, map="last", threshold=Threshold("value", 1.0), ungated=True, guidance=8.0))
    assert np.allclose(result.score, median_filter(e.last_sam(8.0)[:, 0]), rtol=1e-6)


def test_region_limits_where_anomalies_are_accepted() -> None:
    e = evidence()
    interior = np.zeros((3, 24, 24), dtype=bool)
    interior[:, 8:16, 8:16] = True
    inside = select(e, interior, chosen(e, threshold=Threshold("value", 1e-4), ungated=True, region="interior"))
    frame = select(e, interior, chosen(e, threshold=Threshold("value", 1e-4), ungated=True, region="frame"))
    assert np.array_equal(inside.accepted, interior) and frame.accepted.all()
    # Bringing scores to the volume looks one pixel beyond the region, no further.
    near = np.s_[:, 7:17, 7:17]
    assert np.array_equal(inside.score[near], frame.score[near]) and inside.score[near].any()
    assert frame.score[~interior].any() and not inside.score[:, :7].any() and not inside.score[:, :, 17:].any()


def test_removed_components_stay_just_below_the_border() -> None:
    e = evidence()
    interior = np.ones((3, 24, 24), dtype=bool)
    choices = chosen(e, threshold=Threshold("quantile", 0.55), ungated=True)
    before = select(e, interior, choices).score
    after = select(e, interior, dataclasses.replace(choices, minimum_size=MinimumSize(pixels=15))).score
    removed = small_components(before >= 1, 15)
    assert removed.any() and not removed[before < 1].any()
    assert np.allclose(after[removed], 0.999) and np.array_equal(after[~removed], before[~removed])


def test_only_what_is_accepted_counts_as_size() -> None:
    """A component of which all but a small part lies outside the region is small."""
    e = evidence()
    interior = np.zeros((3, 24, 24), dtype=bool)
    interior[:, :, 12:] = True
    choices = chosen(e, threshold=Threshold("quantile", 0.55), ungated=True, region="interior")
    before = select(e, interior, choices).score
    after = select(e, interior, dataclasses.replace(choices, minimum_size=MinimumSize(pixels=15))).score
    whole = select(e, interior, dataclasses.replace(choices, region="frame")).score
    removed = small_components((before >= 1) & interior, 15)
    assert (removed & ~small_components(whole >= 1, 15)).any()
    assert np.array_equal(after != before, removed)


def test_an_empty_mean_of_the_public_code_gives_no_anomaly() -> None:
    point = dataclasses.replace(POINT, mode="reference")
    e = dataclasses.replace(evidence(), point=point)
    e.mean_rr[0] = np.nan
    calibration = tiny_calibration("x", 1, point)
    result = select(e, np.ones((3, 24, 24), dtype=bool), chosen(e, calibration, threshold=Threshold("dynamic")))
    assert np.isfinite(result.score).all() and not result.score[0].any()


# --- what the calibration must give


def test_calibrated_values_are_used_by_default() -> None:
    choices = chosen(evidence())
    assert choices.guidance == 2.0 and str(choices.threshold) == "healthy" and choices.decision == "map"
    assert choices.healthy_threshold == pytest.approx(0.18) and choices.decision_threshold == pytest.approx(9e-9)


def test_values_between_table_entries_grow_like_the_maps() -> None:
    low, middle, high = (chosen(evidence(), guidance=w).healthy_threshold for w in (2.0, 4.0, 8.0))
    assert middle == pytest.approx(0.02 * 25, rel=1e-6) and low < middle < high


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "calibration"),
        ({"guidance": 2.0}, "calibration"),
        ({"guidance": 2.0, "threshold": Threshold("quantile", 0.9)}, "--ungated"),
        ({"guidance": 2.0, "threshold": Threshold("healthy"), "ungated": True}, "--threshold"),
        ({"guidance": 2.0, "threshold": Threshold("dynamic"), "ungated": True}, "--scaling"),
        ({"guidance": 2.0, "threshold": Threshold("value", 1.0), "decision": "map"}, "map"),
    ],
)
def test_what_an_uncalibrated_model_lacks_is_said(changes: dict, word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        chosen(evidence(), None, **changes)


def test_an_uncalibrated_model_works_with_everything_given() -> None:
    e = evidence()
    choices = chosen(
        e,
        None,
        guidance=2.0,
        threshold=Threshold("dynamic"),
        scaling=(0.1,),
        decision_threshold=0.5,
        decision="similarity",
    )
    assert choices.decision == "similarity" and choices.scaling == (0.1,)
    ungated = chosen(e, None, guidance=2.0, threshold=Threshold("quantile", 0.95), ungated=True)
    assert ungated.decision is None


def test_guidance_beyond_the_calibration_is_refused() -> None:
    with pytest.raises(SettingsError, match="covers guidance strengths 0 to 8"):
        chosen(evidence(), guidance=9.0)


def test_scaling_needs_one_value_per_modality() -> None:
    with pytest.raises(SettingsError, match="2 value"):
        chosen(evidence(c=2), scaling=(0.1,))


def test_the_last_map_alone_is_never_held_against_thresholds_of_the_aggregated_one() -> None:
    assert str(chosen(evidence(), map="last").threshold) == "dynamic"
    with pytest.raises(SettingsError, match="aggregated map"):
        chosen(evidence(), map="last", threshold=Threshold("healthy"))
    e = evidence()
    interior = np.ones((3, 24, 24), dtype=bool)
    statistics = [select(e, interior, chosen(e, map=kind)).map_statistic for kind in ("aggregated", "last")]
    assert np.array_equal(*statistics)


def test_settings_without_effect_are_refused() -> None:
    with pytest.raises(SettingsError, match="no effect"):
        chosen(evidence(), scaling=(0.1,), threshold=Threshold("healthy"))
    with pytest.raises(SettingsError, match="not calibrated for these settings"):
        chosen(evidence(), guidance=50.0, threshold=Threshold("value", 1.0), ungated=True, decision="map")
