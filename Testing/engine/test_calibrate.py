"""Calibration from image-level labels: thresholds, guidance strength, scaling, and what is kept of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_samples import POINT, SIZE, labelled, labelled_maps
from tiny_model import tiny_calibration

from anofpdm.core.errors import InputError, ModelError
from anofpdm.methods.anofpdm.calibrate import LabelledEvidence, calibrate
from anofpdm.methods.anofpdm.calibration import Calibration, calibration_for, calibrations_to_json, load_calibrations
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.select import resolve, select
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.thresholds.auroc import area_under_roc
from anofpdm.thresholds.image_labels import best_threshold, healthy_threshold, shown_accuracy
from anofpdm.thresholds.postprocessing import median_filter
from anofpdm.thresholds.settings import MinimumSize

GUIDANCE = (0.0, 1.0, 4.0, 8.0)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=25))
@settings(max_examples=150, deadline=None)
def test_best_threshold_makes_the_fewest_errors_of_all_thresholds(pairs: list[tuple[int, bool]]) -> None:
    values = np.array([v for v, _ in pairs], dtype=float)
    labels = np.array([u for _, u in pairs])
    threshold, accuracy = best_threshold(values, labels)
    assert ((values >= threshold) == labels).mean() == pytest.approx(accuracy)
    candidates = [*(values - 0.5), values.max() + 1]
    assert accuracy == pytest.approx(max(((values >= c) == labels).mean() for c in candidates))


def test_area_under_roc_is_scikit_learns() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(2)
    for _ in range(20):
        values, labels = rng.integers(0, 6, 30).astype(float), rng.random(30) < 0.4
        labels[:2] = [True, False]
        assert area_under_roc(values, labels) == pytest.approx(roc_auc_score(labels, values))


def test_labels_alone_find_a_strength_and_thresholds_that_work() -> None:
    data = labelled()
    found = calibrate(data, GUIDANCE, weights_sha256="x", top_pixels=10, minimum_size_px=3)
    assert found.decision == "map" and max(found.accuracy) == 1.0
    # The largest strength within 99 % of the peak.
    good = [w for w, a in zip(GUIDANCE, found.accuracy, strict=True) if a >= 0.99 * max(found.accuracy)]
    assert found.default_guidance == max(good)
    row = GUIDANCE.index(found.default_guidance)
    maps = median_filter(data.evidence.aam(found.default_guidance)[:, 0])
    assert found.healthy_threshold[row] == pytest.approx(healthy_threshold(maps, data, found.healthy_level))
    masks = (maps >= found.healthy_threshold[row]) & data.interior
    patch = np.zeros_like(masks)
    patch[data.unhealthy, 9:12, 9:12] = True
    assert masks[patch].mean() > 0.95 and masks[~data.unhealthy].mean() < 0.05
    assert found.scaling[0][0] == pytest.approx(data.evidence.dd.max(), rel=1e-5)
    assert found.slices == 40 and found.unhealthy_slices == 20 and found.subjects == 4


def noise_and_labels(n: int = 40, size: int = SIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R and D of noise, every second slice labelled unhealthy."""
    rng = np.random.default_rng(3)
    r, d = (0.02 * rng.normal(size=(n, 1, size, size)).astype(np.float32) for _ in range(2))
    return r, d, np.arange(n) % 2 == 0


def chosen(data: LabelledEvidence) -> Calibration:
    return calibrate(data, GUIDANCE, weights_sha256="x", top_pixels=10, minimum_size_px=3)


def test_the_labels_choose_the_healthy_threshold_inside_the_head() -> None:
    """Bright borders in every slice, lesions inside: only the interior tells them apart."""
    r, d, unhealthy = noise_and_labels()
    d[:, :, :3] += 0.8
    d[unhealthy, :, 8:13, 8:13] += 0.4
    found = chosen(labelled_maps(r, d, unhealthy))
    assert (found.threshold, found.region) == ("healthy", "interior")
    assert found.shown_accuracy is not None and found.shown_accuracy > 0.9


def test_the_labels_choose_the_frame_where_lesions_reach_beyond_the_eroded_head() -> None:
    r, d, unhealthy = noise_and_labels()
    d[unhealthy, :, 8:13, 0:3] += 0.4
    found = chosen(labelled_maps(r, d, unhealthy))
    assert found.region == "frame" and found.shown_accuracy == 1.0


def test_the_labels_choose_the_dynamic_threshold_where_the_slices_scales_differ() -> None:
    """Some healthy slices are strong all over: one value for all cannot do, each slice's own quantile can."""
    r, d, unhealthy = noise_and_labels(size=40)
    d[:, :, :2] += 0.4
    y, x = np.mgrid[:40, :40] - 20
    d[unhealthy, 0] += 0.8 * np.exp(-(x**2 + y**2) / 18).astype(np.float32)
    strong = np.arange(len(d)) % 4 == 1
    assert not (strong & unhealthy).any()
    r[strong], d[strong] = 200 * r[strong], 200 * d[strong]
    found = chosen(labelled_maps(r, d, unhealthy))
    assert (found.threshold, found.region) == ("dynamic", "interior")
    assert found.shown_accuracy is not None and found.shown_accuracy > 0.9


def test_the_choice_is_what_selection_shows() -> None:
    """The recorded accuracy is that of the finished product without its image-level decision."""
    data = labelled()
    found = chosen(data)
    choices = resolve(POINT, 1, SelectionSettings(ungated=True), found, MinimumSize(pixels=3))
    selection = select(data.evidence, data.interior, choices)
    assert shown_accuracy((selection.score >= 1) & selection.accepted, data.unhealthy) == found.shown_accuracy


def test_the_labels_choose_the_decision() -> None:
    """R and D that cancel change the course of the error and leave the map dark; a patch brightens the map."""
    r, d, unhealthy = noise_and_labels()
    r[:, :, 2] += 0.6
    d[unhealthy, :, 2] -= 0.6
    by_similarity = chosen(labelled_maps(r, d, unhealthy))
    assert by_similarity.decision == "similarity"
    assert max(by_similarity.accuracy) > max(by_similarity.other_accuracy)
    by_map = chosen(labelled())
    assert by_map.decision == "map" and len(by_map.other_accuracy) == len(GUIDANCE)


def test_in_the_mode_of_the_public_code_the_whole_frame_is_accepted() -> None:
    data = labelled()
    point = dataclasses.replace(POINT, mode="reference")
    evidence = dataclasses.replace(data.evidence, point=point)
    found = calibrate(dataclasses.replace(data, evidence=evidence), GUIDANCE, weights_sha256="x")
    assert found.region == "frame"


def test_the_clamped_scaling_has_a_row_for_each_strength() -> None:
    from anofpdm.methods.anofpdm.evidence import BankEvidence

    data = labelled()
    q = data.evidence
    point = dataclasses.replace(POINT, clamp=True, guidance_bank=GUIDANCE)
    bank = BankEvidence(
        point=point,
        x0=q.x0,
        aam_bank=np.stack([q.aam(w) for w in GUIDANCE], 1),
        guided_end=np.stack([q.healthy_prediction(w) for w in GUIDANCE], 1),
        divergence_bank=np.stack([q.divergence(w) for w in GUIDANCE], 1),
        mse_healthy_bank=np.stack([q.mse_healthy(w) for w in GUIDANCE], 1),
        mse_unguided_steps=q.mse_unguided(),
        end_index_bank=np.stack([q.end_index] * len(GUIDANCE), 1),
    )
    clamped = calibrate(dataclasses.replace(data, evidence=bank), GUIDANCE, weights_sha256="x")
    plain = calibrate(data, GUIDANCE, weights_sha256="x")
    for w, row in zip(GUIDANCE, clamped.scaling, strict=True):
        assert row[0] == pytest.approx((1 + w) ** 2 * plain.scaling[0][0], rel=1e-5)
        assert clamped.at(w).largest_divergence[0] == pytest.approx(plain.at(w).largest_divergence[0], rel=1e-5)
    assert clamped.map_threshold == pytest.approx(plain.map_threshold)


def test_one_kind_of_label_is_refused() -> None:
    data = labelled()
    with pytest.raises(InputError, match="only one kind"):
        dataclasses.replace(data, unhealthy=np.ones(40, dtype=bool))


def test_a_calibration_survives_its_file(tmp_path: Path) -> None:
    found = calibrate(labelled(), GUIDANCE, weights_sha256="x")
    path = tmp_path / "calibration.json"
    path.write_text(calibrations_to_json([found]))
    assert load_calibrations(path) == [found]
    for w in GUIDANCE:
        row = GUIDANCE.index(w)
        assert found.at(w).healthy_threshold == found.healthy_threshold[row]
        assert found.at(w).similarity_threshold == found.similarity_threshold[row]


@pytest.mark.parametrize(
    "broken",
    [
        {"guidance": (2.0, 1.0, 8.0)},
        {"map_threshold": (1.0,)},
        {"healthy_threshold": (0.0, 1.0, 1.0)},
        {"default_guidance": 99.0},
        {"scaling": ((1.0,), (1.0,))},
        {"scaling": ((0.0,),)},
        {"top_pixels": 0},
        {"healthy_level": 1.0},
        {"unguided_error": (1.0,)},
        {"other_accuracy": (0.9,)},
    ],
)
def test_a_calibration_that_contradicts_itself_is_refused(broken: dict) -> None:
    with pytest.raises(ModelError, match="calibrate the model again"):
        tiny_calibration("x", **broken)


def test_the_calibration_of_the_operating_point_is_found_and_others_are_borrowed_openly() -> None:
    near = OperatingPoint(steps=12, last=400)
    far = OperatingPoint(steps=90, last=400)
    calibrations = [tiny_calibration("x", point=point) for point in (far, near)]
    assert calibration_for(calibrations, near, "x") == (calibrations[1], "")
    borrowed, warning = calibration_for(calibrations, OperatingPoint(steps=20, last=400), "x")
    assert borrowed is calibrations[1] and "Not calibrated for 20" in warning and "12 DDIM steps over 1..400" in warning


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "reference"},
        {"encoding": "ddpm"},
        {"clamp": True, "guidance_bank": (2.0,)},
        {"last": 300},
        {"end_step": 5},
    ],
)
def test_another_scale_is_never_borrowed(change: dict) -> None:
    point = OperatingPoint(steps=12, last=400)
    found, warning = calibration_for([tiny_calibration("x", point=point)], dataclasses.replace(point, **change), "x")
    assert found is None and "no calibration" in warning


def test_a_calibration_of_other_weights_is_not_used() -> None:
    point = OperatingPoint(steps=12, last=400)
    found, warning = calibration_for([tiny_calibration("x", point=point)], point, "other")
    assert found is None and "other weights" in warning
