"""Compared methods in the table: tuned on their own grids, refused without what they need."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from tiny_model import tiny_config, write_tiny_model

from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.methods.reconstruction import baselines
from anofpdm.methods.reconstruction.noise_classifier import NoiseClassifier
from anofpdm.methods.reconstruction.trained_model import classifier_model, network_model
from anofpdm.network.unet import ConditionalUNet
from anofpdm.store.model_folder import open_model_folder
from anofpdm.store.network_weights import write_model

FEW = ("--resamplings", "10", "--no-pictures", "--compared-steps", "3", "--grid-slices", "20")
METHODS = ("anoddpm-gaussian", "anoddpm-simplex", "classifier-guidance", "ddib", "cg-cdm")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny", tiny_config("tiny", matrix=16)).path


@pytest.fixture
def command(prepared_command: CommandLine) -> CommandLine:
    return prepared_command


@pytest.fixture
def data(masked_pair: Path) -> Path:
    return masked_pair


@pytest.fixture(scope="module")
def healthy_networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One as version 0.1 wrote it, one as `train` writes it."""
    folder, config = tmp_path_factory.mktemp("anoddpm"), tiny_config("tiny", matrix=16)
    earlier = dataclasses.replace(config, name="earlier", purpose="anoddpm-gaussian")
    state = ConditionalUNet(config.network).state_dict()
    simplex = write_model(
        folder / "simplex", network_model("anoddpm-simplex", config), state, model_card="# Untrained\n"
    )
    gaussian = write_tiny_model(folder / "gaussian", earlier, calibrated=False)
    return {"anoddpm-gaussian": gaussian.path, "anoddpm-simplex": simplex.path}


def write_classifier(path: Path, config: DiffusionConfig, guided: Path) -> None:
    """As `train` writes it."""
    state = NoiseClassifier(config.network).state_dict()
    write_model(path, classifier_model(config, open_model_folder(guided)), state, model_card="# Untrained\n")


def results(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "results.json").read_text(encoding="utf-8"))["methods"]
    return found


def test_each_method_is_tuned_on_its_own_grid_and_says_how(
    command: CommandLine,
    model: Path,
    healthy_networks: dict[str, Path],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, grid in baselines.GRIDS.items():
        monkeypatch.setitem(baselines.GRIDS, name, grid[:2])
    config = tiny_config("tiny", matrix=16)
    write_classifier(tmp_path / "classifier", config, model)
    call = (
        "evaluate", model, data, "--methods", ",".join(METHODS),
        "--anoddpm-gaussian", healthy_networks["anoddpm-gaussian"],
        "--anoddpm-simplex", healthy_networks["anoddpm-simplex"], "--classifier", tmp_path / "classifier", *FEW,
    )  # fmt: skip
    outcome = command(*call, "--output", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    rows = results(tmp_path / "out")
    assert [(row["family"], row["tuned_with"]) for row in rows] == [
        (name, how) for name in METHODS for how in ("image labels", "pixel masks")
    ]
    for row in rows:
        grid = row["parameters"]["grid"]
        assert len(grid) == 2 and all(0 <= entry["image_auroc"] <= 1 for entry in grid)
        best = {"image labels": "image_auroc", "pixel masks": "best_dice_with_masks"}[row["tuned_with"]]
        chosen = max(grid, key=lambda entry: entry[best])
        assert all(row["parameters"][name] == chosen[name] for name in chosen if name in row["parameters"])
        own = row["family"] in ("anoddpm-gaussian", "anoddpm-simplex", "classifier-guidance")
        assert ("weights_sha256" in row["parameters"]) == own
        assert row["network_evaluations_a_slice"] > 0 and row["seconds_a_slice"] > 0
    assert command(*call, "--output", tmp_path / "out").status == 0
    assert results(tmp_path / "out") == rows, "the second run computes nothing and finds the same"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--methods", "anoddpm-gaussian"), "--method anoddpm-gaussian"),
        (("--methods", "anoddpm-simplex", "--anoddpm-gaussian", "x"), "--method anoddpm-simplex"),
        (("--methods", "classifier-guidance"), "--method classifier-guidance"),
        (("--methods", "ddib", "--classifier", "x"), "add it to --methods"),
        (("--methods", "ddib", "--anoddpm-simplex", "x"), "add it to --methods"),
        (("--methods", "ddib", "--masks", "ddib=x"), "a method's name"),
        (("--methods", "ddib", "--compared-steps", "1"), "--compared-steps"),
        (("--methods", "ddib", "--grid-slices", "1"), "--grid-slices"),
    ],
)
def test_what_is_missing_is_said(
    command: CommandLine, model: Path, data: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    outcome = command("evaluate", model, data, "--output", tmp_path / "out", "--no-pictures", *options)
    assert outcome.status == 2 and words in outcome.err and "Traceback" not in outcome.err
    assert not (tmp_path / "out").exists()


def test_networks_of_another_grid_are_refused(command: CommandLine, model: Path, data: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_config("other", matrix=32), purpose="anoddpm-gaussian")
    other = write_tiny_model(tmp_path / "other", config, calibrated=False).path
    write_classifier(tmp_path / "classifier", config, other)
    for method, option, folder in (
        ("anoddpm-gaussian", "--anoddpm-gaussian", other),
        ("classifier-guidance", "--classifier", tmp_path / "classifier"),
    ):
        call = ("evaluate", model, data, "--methods", method, option, folder, "--output", tmp_path / "out", *FEW)
        outcome = command(*call)
        assert outcome.status == 2 and "another grid" in outcome.err


def test_networks_trained_for_something_else_are_refused(
    command: CommandLine, model: Path, healthy_networks: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    """A network that has seen lesions is no AnoDDPM, and AnoDDPM's detects nothing by itself."""
    out = ("--output", tmp_path / "out")
    gaussian = healthy_networks["anoddpm-gaussian"]
    image = data.parent / "p0" / "flair.nii.gz"
    evaluate = ("evaluate", model, data, *out, *FEW, "--methods")
    for call, words in (
        ((*evaluate, "anoddpm-gaussian", "--anoddpm-gaussian", model), "for anofpdm"),
        ((*evaluate, "anoddpm-simplex", "--anoddpm-simplex", gaussian), "not for anoddpm-simplex"),
        (("evaluate", gaussian, data, "--methods", "all-zero", *out, *FEW), "choose another model"),
        (("detect", image, "--model", gaussian, *out), "choose another model"),
        (("calibrate", gaussian, data), "choose another model"),
        (("models", "add", gaussian), "choose another model"),
    ):
        outcome = command(*call)
        assert outcome.status == 3 and "was trained for" in outcome.err and words in outcome.err, outcome.err
    simplex = healthy_networks["anoddpm-simplex"]
    outcome = command(*evaluate, "anoddpm-gaussian", "--anoddpm-gaussian", simplex)
    assert outcome.status == 3 and "of the method anoddpm-simplex" in outcome.err
    outcome = command(*evaluate, "classifier-guidance", "--classifier", model)
    assert outcome.status == 3 and "holds no classifier" in outcome.err
