"""Figures of whole outputs: what they mean, their intervals, and yardsticks on slices with planted lesions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from evaluation_samples import method_input, planted, yardstick

from anofpdm.evaluation import metrics
from anofpdm.evaluation.bootstrap import SubjectBootstrap, mean_by_subject
from anofpdm.evaluation.floors import AllZero, LevelOnly
from anofpdm.evaluation.measure import Measured, Measuring
from anofpdm.evaluation.method_output import MethodOutput
from anofpdm.evaluation.slices import MeasuredSlices
from anofpdm.methods.yardsticks.maps import mirrored


def measure(output: MethodOutput, data: MeasuredSlices, resamplings: int = 100) -> Measured:
    return Measuring(data, resamplings=resamplings).measure(output)


def oracle(data: MeasuredSlices) -> MethodOutput:
    return MethodOutput(
        "oracle",
        "oracle",
        "pixel masks",
        maps=data.lesion.astype(np.float32),
        masks=data.lesion,
        image_score=data.slices.unhealthy.astype(float),
        unhealthy=data.slices.unhealthy,
    )


def test_a_perfect_method_has_perfect_figures_with_no_spread() -> None:
    data = planted()
    found = measure(oracle(data), data)
    for name, figure in found.figures.items():
        assert figure.value == pytest.approx(1), name
        assert figure.interval == pytest.approx((1, 1)), name


def test_figures_are_what_their_names_say() -> None:
    data = planted()
    rng = np.random.default_rng(5)
    masks = rng.random(data.lesion.shape) < 0.1
    masks[3:6] = False
    called = rng.random(len(masks)) < 0.6
    output = dataclasses.replace(oracle(data), masks=masks, unhealthy=called)
    figures = {name: figure.value for name, figure in measure(output, data).figures.items()}
    sick, shown = data.slices.unhealthy, masks & called[:, None, None]
    assert figures["dice_mixed"] == pytest.approx(metrics.dice(shown, data.lesion).mean())
    assert figures["dice_unhealthy"] == pytest.approx(metrics.dice(masks[sick], data.lesion[sick]).mean())
    area = data.lesion.sum(axis=(1, 2))
    small = sick & (area <= sorted(area[sick])[int(0.2 * (sick.sum() - 1))])
    assert 0 < small.sum() < sick.sum()
    assert figures["dice_small_lesions"] == pytest.approx(metrics.dice(masks[small], data.lesion[small]).mean())
    assert figures["dice_unhealthy_gated"] == pytest.approx(metrics.dice(shown[sick], data.lesion[sick]).mean())
    assert figures["image_precision"] == pytest.approx(sick[called].mean())
    assert figures["image_recall"] == pytest.approx(called[sick].mean())
    assert figures["image_specificity"] == pytest.approx((~called[~sick]).mean())
    assert figures["image_accuracy"] == pytest.approx((called == sick).mean())
    assert figures["pixel_precision"] == pytest.approx(data.lesion[shown].mean())
    assert figures["pixel_recall"] == pytest.approx(shown[data.lesion].mean())
    volumes = [
        metrics.dice(shown[data.slices.volume == v][None], data.lesion[data.slices.volume == v][None]) for v in range(6)
    ]
    assert figures["dice_volume"] == pytest.approx(np.mean(volumes))


def test_auprc_looks_inside_the_eroded_head_only() -> None:
    data = planted()
    found = measure(oracle(data), data).figures
    outside = np.where(data.slices.interior, data.lesion, 2.0)
    worse = measure(dataclasses.replace(oracle(data), maps=outside), data).figures
    for name in ("auprc_all_slices", "auprc_unhealthy_slices"):
        assert worse[name].value == found[name].value == pytest.approx(1)


def test_a_lesion_that_vanishes_on_the_grid_counts_at_image_level_only() -> None:
    data = planted()
    lesion = data.lesion.copy()
    lesion[0] = False
    without = MeasuredSlices(data.slices, lesion)
    masks = data.lesion.copy()
    masks[0] = False
    output = dataclasses.replace(oracle(data), masks=masks)
    found = measure(output, without).figures
    assert found["dice_unhealthy"].value == 1 and found["image_recall"].value == 1
    assert without.outlined.sum() == data.outlined.sum() - 1


def test_intervals_come_from_subjects_not_from_slices() -> None:
    # Two subjects of many equal slices: resampling slices would find hardly any spread.
    values, subject = np.repeat([0.0, 1.0], 500), np.repeat([0, 1], 500)
    low, high = SubjectBootstrap(2, 500, 0).interval(mean_by_subject(values, subject, 2)) or (np.nan, np.nan)
    assert (low, high) == (0, 1)


def test_the_interval_of_a_mean_is_near_its_normal_one() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=200)
    low, high = SubjectBootstrap(200, 4000, 1).interval(mean_by_subject(values, np.arange(200), 200)) or (0, 0)
    error = 1.96 * values.std() / np.sqrt(200)
    assert low == pytest.approx(values.mean() - error, abs=0.03)
    assert high == pytest.approx(values.mean() + error, abs=0.03)


def test_one_subject_has_no_interval() -> None:
    assert SubjectBootstrap(1, 100, 0).interval(lambda weights: weights[:, 0]) is None


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    data = planted(seed=3, brightness=0.05)
    output = next(yardstick("intensity", "i", "flair").outputs(method_input(data)))
    first, second, other = (Measuring(data, resamplings=200, seed=s).measure(output).figures for s in (1, 1, 2))
    assert first == second
    assert first != other and first["dice_mixed"].value == other["dice_mixed"].value


def test_all_zero_scores_the_share_of_healthy_slices() -> None:
    data = planted()
    found = measure(next(AllZero().outputs(method_input(data))), data).figures
    assert found["dice_mixed"].value == pytest.approx((~data.slices.unhealthy).mean())
    assert found["dice_unhealthy"].value == 0 and found["image_auroc"].value == 0.5
    inside = data.lesion[data.slices.interior]
    assert found["auprc_all_slices"].value == pytest.approx(inside.mean())


def test_level_only_has_image_level_figures_only() -> None:
    data = planted()
    found = measure(next(LevelOnly().outputs(method_input(data))), data)
    assert all(name.startswith("image_") for name in found.figures) and not found.volumes


def test_intensity_finds_bright_lesions_and_masks_cannot_do_worse_than_labels() -> None:
    data = planted(brightness=0.12)
    by_labels, by_masks = yardstick("intensity", "flair intensity", "flair").outputs(method_input(data))
    assert (by_labels.tuned_with, by_masks.tuned_with) == ("image labels", "pixel masks")
    labels, masks = measure(by_labels, data).figures, measure(by_masks, data).figures
    assert masks["dice_unhealthy"].value > 0.7
    assert masks["dice_unhealthy"].value >= labels["dice_unhealthy"].value - 0.02
    assert labels["image_auroc"].value > 0.9


def test_without_masks_no_yardstick_is_tuned_with_them() -> None:
    given = dataclasses.replace(method_input(planted()), masked=None)
    assert [o.tuned_with for o in yardstick("intensity", "i", "flair").outputs(given)] == ["image labels"]


def test_the_mirror_is_the_head_s_own_middle() -> None:
    data = planted()
    shifted = np.roll(data.slices.head, 2, axis=2)
    maps = np.roll(data.slices.intensity[:, 0], 2, axis=2)
    middle = 2 * np.argwhere(shifted[0].any(axis=0)).mean()
    again = mirrored(mirrored(maps, shifted), shifted)
    np.testing.assert_array_equal(again[shifted], maps[shifted])
    row, column = np.argwhere(data.lesion[0])[0]
    value = maps[0, row, column + 2]
    assert mirrored(maps, shifted)[0, row, round(middle) - column - 2] == value


def test_left_right_difference_cancels_what_is_symmetric() -> None:
    data = planted()
    symmetric = data.slices.intensity + data.slices.intensity[..., ::-1]
    slices = dataclasses.replace(data.slices, intensity=symmetric)
    assert np.abs(yardstick("left-right", "l", "flair").maps(slices)[data.slices.interior]).max() < 1e-6
    assert yardstick("left-right", "l", "flair").maps(data.slices)[data.lesion & data.slices.interior].mean() > 0.1


def test_a_signed_difference_shows_dark_lesions_only_where_they_occur() -> None:
    data = planted(brightness=-0.3)
    where = data.lesion & data.slices.interior
    flair, t1 = (
        yardstick("left-right", "l", "flair").maps(data.slices),
        yardstick("left-right", "l", "t1").maps(data.slices),
    )
    assert t1[where].mean() > 2 * flair[where].mean()
