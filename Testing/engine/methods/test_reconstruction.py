"""Methods that restore a healthy slice: whose network they use, their pictures, their options that need a rerun."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from tiny_model import tiny_config

from anofpdm import Detector
from anofpdm.core.errors import ModelError
from anofpdm.methods.reconstruction.classifier_shapes import classifier_shapes
from anofpdm.methods.reconstruction.noise_classifier import NoiseClassifier
from anofpdm.methods.registry import find_method
from anofpdm.results.case_storage import load_evidence
from anofpdm.results.detection import build_detection
from anofpdm.results.findings import read_findings


def test_the_settings_of_a_run_are_told_and_its_threshold_is_said_to_be_another_s(
    command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path
) -> None:
    call = ("detect", head_file, "--model", models["ddib"], "--no-overlay", "--output", tmp_path / "out")
    assert command(*call, "--level", "20", "--guidance", "1").status == 0
    findings = read_findings(tmp_path / "out" / "findings.json")
    assert findings["parameters"]["sampling"] == {"level": 20.0, "steps": 3.0, "guidance": 1.0}
    assert any("calibrated with other settings" in warning for warning in findings["warnings"])
    case = load_evidence(tmp_path / "out" / "evidence.npz")
    picture = find_method("ddib").healthy_picture(case, build_detection(case).answer)
    assert picture is not None and picture.values.shape == (len(case.evidence), 16, 16)
    assert -1 <= picture.values.min() < picture.values.max() <= 1

    outcome = command("adjust", tmp_path / "out", "--guidance", "3")
    assert outcome.status == 2 and "--guidance needs a rerun" in outcome.err


@pytest.mark.parametrize(
    ("option", "words"),
    [(("--level", "5000"), "at most the model's 1000"), (("--steps", "1"), "2 to 1000 noise levels")],
)
def test_settings_that_cannot_be_are_refused(
    command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path, option: tuple[str, str], words: str
) -> None:
    outcome = command("detect", head_file, "--model", models["cg-cdm"], "--output", tmp_path / "out", *option)
    assert outcome.status == 2 and words in outcome.err and not (tmp_path / "out").exists()


def test_without_the_model_whose_network_it_uses_it_says_so(models: dict[str, Path], tmp_path: Path) -> None:
    alone = shutil.copytree(models["ddib"], tmp_path / "ddib")
    with pytest.raises(ModelError, match="needs the model ddib-network"):
        Detector.from_model(alone)


def test_a_network_of_another_input_is_refused(models: dict[str, Path]) -> None:
    from dataclasses import replace

    from anofpdm.methods.reconstruction.networks import diffusion_network
    from anofpdm.store.model_folder import open_model_folder
    from anofpdm.volumes.input_config import GridConfig

    folder = open_model_folder(models["ddib"])
    config: Any = replace(folder.config, grid=GridConfig(field_of_view_mm=200.0, matrix=16))
    with pytest.raises(ModelError, match="another grid"):
        diffusion_network(folder, config)


def test_the_classifier_s_parameters_are_known_without_torch() -> None:
    network = tiny_config("tiny", matrix=32).network
    state = NoiseClassifier(network).state_dict()
    assert classifier_shapes(network) == {name: tuple(value.shape) for name, value in state.items()}
