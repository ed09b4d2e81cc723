"""`anofpdm adjust` starts from what the result was made with and changes only what it is told to."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine

from anofpdm.cli.main import main
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.results.case_storage import load_evidence, save_evidence
from anofpdm.results.findings import read_findings
from anofpdm.results.segmentation import read_heatmap
from anofpdm.thresholds.settings import Threshold

CHOSEN = ("--guidance", "8", "--threshold", "quantile=0.8", "--ungated", "--last-sam", "--region", "frame")


@pytest.fixture(scope="module")
def made(tiny_model: Path, head_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of a run with many options; not to be changed."""
    folder = tmp_path_factory.mktemp("made") / "result"
    call = ("detect", head_file, "--model", tiny_model, "--output", folder, "--progress", "none", *CHOSEN)
    assert main([str(argument) for argument in call]) == 0
    return folder


@pytest.fixture
def chosen(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "chosen"))


def adjusted(command: CommandLine, source: Path, *options: str) -> SelectionSettings:
    """Adjust in place; the settings kept afterwards."""
    outcome = command("adjust", source, *options)
    assert outcome.status == 0, outcome.err
    return load_evidence(source / "evidence.npz").settings


def test_without_options_the_result_stays_the_same(command: CommandLine, chosen: Path) -> None:
    before, _ = read_heatmap(chosen / "heatmap.nrrd")
    calibrated = SelectionSettings()
    assert load_evidence(chosen / "evidence.npz").settings != calibrated
    adjusted(command, chosen)
    after, _ = read_heatmap(chosen / "heatmap.nrrd")
    assert np.array_equal(before, after) and after.any()


def test_one_option_keeps_the_others_however_often(command: CommandLine, chosen: Path) -> None:
    adjusted(command, chosen, "--guidance", "4")
    kept = adjusted(command, chosen, "--min-size", "3px")
    assert (kept.guidance, kept.threshold, kept.region) == (4, Threshold("quantile", 0.8), "frame")
    assert kept.ungated and kept.map == "last" and kept.minimum_size is not None and kept.minimum_size.pixels == 3
    parameters = read_findings(chosen / "findings.json")["parameters"]
    assert (parameters["guidance"], parameters["threshold"], parameters["map"]) == (4, "quantile=0.8", "last")


def test_switches_can_be_undone(command: CommandLine, chosen: Path) -> None:
    kept = adjusted(command, chosen, "--gated", "--aggregated")
    assert not kept.ungated and kept.map == "aggregated" and kept.guidance == 8


def test_single_options_and_all_of_them_go_back_to_the_calibration(command: CommandLine, chosen: Path) -> None:
    kept = adjusted(command, chosen, "--threshold", "calibrated", "--guidance", "calibrated", "--aggregated")
    assert kept.threshold is None and kept.guidance is None and kept.ungated
    assert read_findings(chosen / "findings.json")["parameters"]["threshold"] == "healthy"
    assert adjusted(command, chosen, "--as-calibrated", "--region", "frame") == SelectionSettings(region="frame")
    assert adjusted(command, chosen, "--as-calibrated") == SelectionSettings()


def test_an_image_level_threshold_goes_with_its_decision(command: CommandLine, chosen: Path) -> None:
    assert adjusted(command, chosen, "--decision-threshold", "0.25").decision_threshold == 0.25
    # The model's own decision is the map's: naming it changes nothing.
    assert adjusted(command, chosen, "--decision", "map").decision_threshold == 0.25
    assert adjusted(command, chosen, "--decision", "similarity").decision_threshold is None


def test_a_result_without_calibration_can_be_adjusted(command: CommandLine, chosen: Path) -> None:
    path = chosen / "evidence.npz"
    save_evidence(path, dataclasses.replace(load_evidence(path), calibration=None))
    assert adjusted(command, chosen, "--guidance", "3").guidance == 3


@pytest.mark.parametrize("pair", [("--gated", "--ungated"), ("--aggregated", "--last-sam")])
def test_opposites_exclude_each_other(
    command: CommandLine, result: Path, tmp_path: Path, pair: tuple[str, str]
) -> None:
    command.refuses("adjust", result, *pair, words="not allowed with argument", folder=tmp_path)


def test_maps_are_averaged_with_the_neighbouring_slices(command: CommandLine, chosen: Path) -> None:
    words = "no thresholds for --consistency volume; calibrate again or leave it out"
    command.refuses("adjust", chosen, "--as-calibrated", "--consistency", "volume", words=words, folder=chosen.parent)
    by_hand = ("--as-calibrated", "--threshold", "value=1e-6", "--ungated", "--region", "frame")
    adjusted(command, chosen, *by_hand)
    alone, _ = read_heatmap(chosen / "heatmap.nrrd")
    assert adjusted(command, chosen, "--consistency", "volume").consistency == "volume"
    averaged, _ = read_heatmap(chosen / "heatmap.nrrd")
    assert np.abs(np.diff(averaged, axis=0)).mean() < 0.9 * np.abs(np.diff(alone, axis=0)).mean()
    assert adjusted(command, chosen, "--consistency", "calibrated").consistency is None


def test_mirrored_slices_double_the_evaluations(
    command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path
) -> None:
    call = ("detect", head_file, "--model", tiny_model, "--progress", "none", "--threshold", "value=0.01", "--ungated")
    given = ("--decision", "similarity", "--decision-threshold", "0.9", "--guidance", "2", "--no-overlay")
    found = {}
    for option in ("--mirrored", "--no-mirrored"):
        outcome = command(*call, *given, option, "--output", tmp_path / option)
        assert outcome.status == 0, outcome.err
        parameters = read_findings(tmp_path / option / "findings.json")["parameters"]
        found[parameters["mirrored"]] = parameters["network_evaluations_per_slice"]
        assert ("mirrored too" in parameters["operating_point"]) == parameters["mirrored"]
    assert found[True] == 2 * found[False]
