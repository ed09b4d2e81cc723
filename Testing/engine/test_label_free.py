"""What is compared with healthy slices of the same height, and what neighbouring slices tell of one another."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine
from evaluation_samples import planted
from scipy.ndimage import median_filter as scipy_median
from tiny_model import tiny_config, write_tiny_model

from anofpdm.core.errors import InputError
from anofpdm.evaluation.level_reference import LevelReference, alarm_statistic
from anofpdm.evaluation.slices import LabelledSlices
from anofpdm.evaluation.volume_consistency import median_3d, neighbours_agree
from anofpdm.thresholds.postprocessing import small_components


def graded(n: int = 600, subjects: int = 12) -> tuple[LabelledSlices, np.ndarray]:
    """Maps whose healthy mean and spread grow with the level: noise of scale 1 + 4 level."""
    slices = planted(n, subjects).slices
    rng = np.random.default_rng(1)
    slices = dataclasses.replace(slices, level=rng.random(n).astype(np.float32))
    scale = 1 + 4 * slices.level[:, None, None]
    return slices, (scale * rng.gamma(2, size=slices.interior.shape)).astype(np.float32)


def test_standardised_maps_look_alike_at_all_levels() -> None:
    slices, maps = graded()
    found = LevelReference(slices, slices).standardised(maps, maps)
    low, high = slices.level < 0.25, slices.level > 0.75
    for part in (low, high):
        inside = found[part][slices.interior[part]]
        assert abs(inside.mean()) < 0.15 and inside.std() == pytest.approx(1, abs=0.15)
    assert maps[high].mean() > 2 * maps[low].mean(), "or the test shows nothing"


def test_standardising_by_place_removes_what_is_bright_in_every_healthy_slice() -> None:
    slices, maps = graded(240)
    maps = maps / (1 + 4 * slices.level[:, None, None])
    maps[:, 6:14, 6:14] += 20
    lesion = np.zeros_like(slices.interior)
    lesion[slices.unhealthy, 18:22, 18:22] = True
    with_lesion = maps + 6 * lesion
    found = LevelReference(slices, slices).standardised_by_place(with_lesion, with_lesion, pixel_mm=4.0)
    bright = found[:, 8:12, 8:12][slices.interior[:, 8:12, 8:12]]
    assert with_lesion[slices.unhealthy, 8:12, 8:12].mean() > with_lesion[lesion].mean()
    assert abs(bright.mean()) < 0.5 < 2 < found[lesion].mean()
    outside = ~slices.interior[0]
    outside[4:-4, 4:-4] = False
    assert not found[:, outside & (np.hypot(*(np.mgrid[:32, :32] - 15.5)) > 15)].any()


def test_thresholds_by_level_are_the_healthy_quantiles_there() -> None:
    slices, maps = graded(1200, 12)
    found = LevelReference(slices, slices).thresholds(maps, (0.5, 0.95))
    for k in np.flatnonzero((slices.level > 0.2) & (slices.level < 0.8))[:20]:
        near = ~slices.unhealthy & (np.abs(slices.level - slices.level[k]) < 0.05)
        expected = np.quantile(maps[near][slices.interior[near]], (0.5, 0.95))
        np.testing.assert_allclose(found[k], expected, rtol=0.12)


def test_no_slice_is_compared_with_its_own_subject() -> None:
    slices, maps = graded(120, 4)
    reference = LevelReference(slices, slices)
    changed = maps.copy()
    changed[slices.subject == 2] *= 100
    before, after = (reference.thresholds(m, (0.9,))[:, 0] for m in (maps, changed))
    own = slices.subject == 2
    np.testing.assert_array_equal(before[own], after[own])
    assert (after[~own] > before[~own]).all()


def test_one_subject_alone_cannot_be_compared() -> None:
    slices = planted(12, 1).slices
    with pytest.raises(InputError, match="two subjects"):
        LevelReference(slices, slices)


def test_the_conformal_threshold_keeps_its_promise_on_new_subjects() -> None:
    rng = np.random.default_rng(2)
    tuning, fresh = graded(400, 8)[0], graded(4000, 8)[0]
    fresh = dataclasses.replace(fresh, subject_names=tuple(f"new{k}" for k in range(8)))
    statistic, other = rng.gamma(2, size=400), rng.gamma(2, size=4000)
    reference = LevelReference(fresh, tuning)
    for alpha in (0.05, 0.2):
        limits = reference.conformal(statistic, alpha)
        assert (other > limits).mean() == pytest.approx(alpha, abs=0.035)
    assert np.isinf(reference.conformal(statistic, 1e-4)).all()


def test_below_the_alarm_statistic_nothing_is_left_of_a_slice() -> None:
    slices, maps = graded(60, 3)
    statistic = alarm_statistic(maps, slices.interior, 6)
    masks = (maps > statistic[:, None, None]) & slices.interior
    assert (masks.sum(axis=(1, 2)) <= 6).all()
    kept = masks & ~small_components(masks, 6)
    assert not kept.any(axis=(1, 2)).sum() > 1, "only a ring around a hole may be left"


def test_the_3d_median_is_scipys_within_a_volume() -> None:
    slices = planted(16, 2).slices
    maps = np.random.default_rng(3).random((16, 32, 32)).astype(np.float32)
    found = median_3d(maps, slices)
    for volume in (0, 1):
        part = slices.volume == volume
        np.testing.assert_array_equal(found[part], scipy_median(maps[part], size=3, mode="nearest"))


def test_neighbours_vote_out_what_stands_alone_and_fill_what_is_missing() -> None:
    slices = planted(12, 2).slices
    masks = np.zeros((12, 32, 32), dtype=bool)
    masks[1, 5:9, 5:9] = True  # alone
    masks[[2, 4], 20:24, 20:24] = True  # missing between
    masks[3, 24, 20:24] = True  # within a pixel of both
    masks[8:10, 10:14, 10:14] = True  # two that agree
    found = neighbours_agree(masks, slices)
    assert not found[1].any()
    np.testing.assert_array_equal(found[3], masks[2] | masks[3])
    np.testing.assert_array_equal(found[8:10], masks[8:10])
    assert not found[5:8].any(), "the next volume is no neighbour"
    single = dataclasses.replace(slices, slice_index=2 * slices.slice_index)
    np.testing.assert_array_equal(neighbours_agree(masks, single), masks)


def test_the_command_measures_every_variant_and_counts_the_second_run(
    prepared_command: CommandLine, masked_pair: Path, tmp_path: Path
) -> None:
    model = write_tiny_model(tmp_path / "tiny", tiny_config("tiny", matrix=16)).path
    call = ("evaluate", model, masked_pair, "--methods", "label-free", "--resamplings", "10", "--no-pictures")
    outcome = prepared_command(*call, "--output", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    methods = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["methods"]
    assert len(methods) == 13 and {m["tuned_with"] for m in methods} == {"image labels"}
    evaluations = [m["network_evaluations_a_slice"] for m in methods]
    assert evaluations == [7] * 9 + [14] * 4
    assert all("masks_balanced_accuracy" in m["figures"] for m in methods)
