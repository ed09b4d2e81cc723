"""Neighbouring slices: which they are, maps averaged over them, and when the labels prefer that."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from labelled_samples import labelled, labelled_maps

from anofpdm.core.errors import ModelError, SettingsError
from anofpdm.methods.anofpdm.calibrate import LabelledEvidence, calibrate
from anofpdm.methods.anofpdm.calibration import Calibration, calibrations_to_json, load_calibrations
from anofpdm.methods.anofpdm.select import resolve, select
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.thresholds.map_statistic import map_statistic
from anofpdm.thresholds.neighbours import neighbour_map, neighbour_mean, runs_of_slices
from anofpdm.thresholds.postprocessing import filtered_map
from anofpdm.thresholds.settings import MinimumSize, Threshold

GUIDANCE = (0.0, 1.0, 4.0)


def test_runs_end_at_gaps_and_at_the_next_volume() -> None:
    volume = np.array([1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1])
    slice_index = np.array([7, 3, 2, 4, 0, 1, 9, 8, 2, 4, 5, 8])
    found = runs_of_slices(volume, slice_index)
    assert [run.tolist() for run in found] == [[2, 1, 3], [7, 6], [4, 5, 8], [9, 10], [0, 11]]
    assert runs_of_slices(volume[:0], slice_index[:0]) == []


def test_means_repeat_the_ends_and_stay_within_a_run() -> None:
    values = np.array([4.0, 0, 0, 0, 8, 8, 8, 0])
    runs = runs_of_slices(np.arange(8) // 4, np.arange(8) % 4)
    np.testing.assert_allclose(neighbour_mean(values, runs), [3, 1, 0, 0, 8, 8, 6, 2])
    pictures = np.repeat(values, 6).reshape(8, 2, 3)
    np.testing.assert_allclose(neighbour_mean(pictures, runs)[:, 1, 2], [3, 1, 0, 0, 8, 8, 6, 2])
    np.testing.assert_array_equal(neighbour_mean(values, []), values)


def test_maps_of_squares_are_averaged_as_differences() -> None:
    runs = runs_of_slices(np.zeros(4, dtype=np.int64), np.arange(4))
    maps = np.array([0.0, 0, 16, 0]).reshape(4, 1, 1)
    np.testing.assert_allclose(neighbour_map(maps, runs).ravel(), [0, 1, 4, 1])
    np.testing.assert_allclose(neighbour_map(np.full((4, 2, 2), 9.0), runs), 9)
    point = np.zeros((3, 5, 5))
    point[1, 2, 2] = 64.0
    spread = np.sqrt(neighbour_map(point, [np.arange(3)]))
    assert spread[1, 2, 2] == 1 and spread[1, 1, 2] == 0.5 and spread[0, 1, 1] == 8 / 64 and spread.sum() == 8


def noisy(slices: int = 60) -> LabelledEvidence:
    """Lesions reach over five slices; single slices of either kind are brighter by chance."""
    rng = np.random.default_rng(1)
    unhealthy = np.arange(slices) % 10 >= 5
    r = np.zeros((slices, 1, 20, 20), dtype=np.float32)
    patch = 0.2 * unhealthy + 0.4 * rng.random(slices)
    d = 0.02 * rng.normal(size=r.shape).astype(np.float32)
    d[:, :, 8:13, 8:13] += patch[:, None, None, None].astype(np.float32)
    return labelled_maps(r, d, unhealthy)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return calibrate(noisy(), GUIDANCE, weights_sha256="x", top_pixels=10, minimum_size_px=3)


def chosen(data: LabelledEvidence, calibration: Calibration | None, **changes: object):
    settings = SelectionSettings(**changes)
    choices = resolve(data.evidence.point, 1, settings, calibration, MinimumSize(pixels=0))
    return select(data.evidence, data.interior, choices, data.runs)


def test_the_labels_prefer_averaging_where_lesions_reach_over_slices(calibration: Calibration) -> None:
    assert calibration.consistency == "volume"
    data = noisy()
    alone = dataclasses.replace(data, slice_index=2 * data.slice_index)
    single = calibrate(alone, GUIDANCE, weights_sha256="x", top_pixels=10, minimum_size_px=3)
    assert max(calibration.auroc) > max(single.auroc) + 0.03
    # Maps that count alone know no neighbours.
    assert calibration.other_consistency == single.other_consistency
    # Here unhealthy slices lie between healthy ones, and averaging hides them.
    assert calibrate(labelled(), GUIDANCE, weights_sha256="x", top_pixels=10).consistency == "slice"


def test_selection_averages_maps_and_their_statistic(calibration: Calibration) -> None:
    data = noisy()
    w = calibration.default_guidance
    averaged = chosen(data, calibration, ungated=True)
    alone = chosen(data, calibration, ungated=True, consistency="slice")
    assert (averaged.choices.consistency, alone.choices.consistency) == ("volume", "slice")
    maps = filtered_map(data.evidence.aam(w))
    smooth = neighbour_map(maps, data.runs)
    inside = data.interior
    np.testing.assert_allclose(averaged.score[inside], (smooth / averaged.threshold[0])[inside], rtol=1e-5)
    np.testing.assert_allclose(alone.score[inside], (maps / alone.threshold[0])[inside], rtol=1e-5)
    statistic = neighbour_mean(map_statistic(smooth, inside, calibration.top_pixels), data.runs)
    np.testing.assert_allclose(averaged.map_statistic, statistic)
    right = [(s.unhealthy == data.unhealthy).mean() for s in (averaged, alone)]
    assert right[0] > right[1]
    assert averaged.threshold[0] == pytest.approx(calibration.at(w).healthy_threshold)
    assert alone.threshold[0] == pytest.approx(calibration.at(w, "slice").healthy_threshold)


def test_the_last_map_is_averaged_too(calibration: Calibration) -> None:
    data = noisy()
    given = {"map": "last", "threshold": Threshold("value", 0.01), "ungated": True, "guidance": 4.0}
    score = chosen(data, calibration, **given).score
    smooth = neighbour_map(filtered_map(data.evidence.last_sam(4.0)), data.runs)
    np.testing.assert_allclose(score[data.interior], smooth[data.interior] / 0.01, rtol=1e-5)


def test_thresholds_that_are_not_calibrated_are_not_taken_from_the_other(calibration: Calibration) -> None:
    data = noisy()
    lone = dataclasses.replace(calibration, other_consistency=None)
    with pytest.raises(SettingsError, match="no thresholds for --consistency slice; calibrate again or leave it out"):
        chosen(data, lone, consistency="slice")
    by_hand = {"threshold": Threshold("value", 0.01), "ungated": True, "guidance": 4.0}
    assert chosen(data, lone, consistency="slice", **by_hand).choices.consistency == "slice"
    assert chosen(data, None, **by_hand).choices.consistency == "slice"


def test_files_keep_both_and_older_files_know_one(calibration: Calibration, tmp_path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(calibrations_to_json([calibration]))
    assert load_calibrations(path) == [calibration]
    values = json.loads(path.read_text())
    for entry in values["calibrations"]:
        del entry["consistency"], entry["other_consistency"], entry["operating_point"]["mirrored"]
    path.write_text(json.dumps(values))
    (older,) = load_calibrations(path)
    assert older.consistency == "slice" and not older.has("volume") and not older.operating_point.mirrored
    with pytest.raises(ModelError, match="its other tables are incomplete"):
        short = dataclasses.replace(calibration.other_consistency, map_threshold=(1.0,))
        dataclasses.replace(calibration, other_consistency=short)
