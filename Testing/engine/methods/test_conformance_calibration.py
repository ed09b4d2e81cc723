"""Every method is calibrated from image-level labels: under a name, and as the model's own calibration."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine, snapshot
from method_models import MAKERS

from anofpdm.methods import registry
from anofpdm.results.case_storage import load_evidence
from anofpdm.results.findings import read_findings
from anofpdm.results.segmentation import read_heatmap
from anofpdm.store.model_folder import open_model_folder

every = pytest.mark.parametrize("name", sorted(MAKERS))
QUICK = {"presets": "default=3", "ranges": "1..300", "guidance": "0,2,8", "precision": "float32"}
"""Values for options that some methods have, which make calibrating short."""


@pytest.fixture
def command(prepared_command: CommandLine) -> CommandLine:
    return prepared_command


@pytest.fixture
def labelled(labelled_data: Path) -> Path:
    """A table of slices with image-level labels."""
    return labelled_data


def quick(name: str) -> list[str]:
    knobs = registry.find_method(name).calibration_knobs
    return [f"{knob.flag}={QUICK[knob.name]}" for knob in knobs if knob.name in QUICK]


def refused(command: CommandLine, model: Path, labelled: Path, folder: Path) -> bool:
    """Whether the method says that it has nothing to calibrate; then the command says so, too."""
    if registry.find_method(open_model_folder(model).config.method).calibrates:
        return False
    words = "has no threshold to calibrate"
    command.refuses("calibrate", model, labelled, "--name", "clinic", words=words, folder=folder)
    return True


def label(result: Path) -> str:
    case = load_evidence(result / "evidence.npz")
    return registry.find_method(case.method).calibration_label(case) or ""


def parameters(result: Path) -> dict[str, object]:
    return dict(read_findings(result / "findings.json")["parameters"])


def heat(result: Path) -> np.ndarray:
    return read_heatmap(result / "heatmap.nrrd")[0]


@every
def test_under_a_name_it_serves_detect_and_adjust(
    command: CommandLine,
    models: dict[str, Path],
    labelled: Path,
    head_file: Path,
    user_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    if refused(command, models[name], labelled, tmp_path):
        return
    monkeypatch.setenv("ANOFPDM_MODELS", str(models[name].parent))
    before = snapshot(models[name].parent)
    calibrated = command("calibrate", models[name], labelled, "--name", "clinic", *quick(name), "--progress", "none")
    assert calibrated.status == 0, calibrated.err
    assert snapshot(models[name].parent) == before
    again = command("calibrate", models[name], labelled, "--name", "clinic", *quick(name))
    assert again.status != 0 and "already; add --replace" in again.err

    detect = ("detect", head_file, "--model", models[name], "--no-overlay", "--progress", "none", "--output")
    assert command(*detect, tmp_path / "own").status == 0
    assert command(*detect, tmp_path / "named", "--calibration", "clinic").status == 0
    assert "clinic" in label(tmp_path / "named") and "clinic" not in label(tmp_path / "own")
    assert parameters(tmp_path / "named") != parameters(tmp_path / "own")

    for result, calibration, same in (("own", "clinic", "named"), ("named", "default", "own")):
        adjusted = command(
            "adjust", tmp_path / result, "--calibration", calibration, "--output", tmp_path / "new", "--no-overlay"
        )
        assert adjusted.status == 0, adjusted.err
        assert label(tmp_path / "new") == label(tmp_path / same)
        np.testing.assert_allclose(heat(tmp_path / "new"), heat(tmp_path / same), rtol=1e-4, atol=1e-5)
    unknown = command(*detect, tmp_path / "none", "--calibration", "other")
    assert unknown.status == 2 and "There is no calibration 'other' of this model" in unknown.err


@every
def test_without_a_name_it_becomes_the_models_own(
    command: CommandLine, models: dict[str, Path], labelled: Path, tmp_path: Path, name: str
) -> None:
    if refused(command, models[name], labelled, tmp_path):
        return
    place = tmp_path / "models"
    shutil.copytree(models[name].parent, place)
    outcome = command("calibrate", place / name, labelled, *quick(name), "--progress", "none")
    assert outcome.status == 0, outcome.err
    (written,) = (Path(line[11:-1]) for line in outcome.out.splitlines() if line.startswith("Written to "))
    assert written.parent == place and snapshot(written) != snapshot(models[name].parent / written.name)
    for model in {written, place / name}:
        folder = open_model_folder(model)
        assert registry.find_method(folder.config.method).check_model(folder) == []


@every
def test_one_kind_of_label_is_not_enough(
    command: CommandLine, models: dict[str, Path], labelled: Path, tmp_path: Path, name: str
) -> None:
    if refused(command, models[name], labelled, tmp_path):
        return
    header, *rows = labelled.read_text(encoding="utf-8").splitlines()
    place = header.split(",").index("label")
    table = tmp_path / "healthy.csv"
    healthy = [row for row in rows if row.split(",")[place] == "0"]
    table.write_text("\n".join([header, *healthy]) + "\n", encoding="utf-8")
    outcome = command("calibrate", models[name], table, "--name", "clinic", *quick(name))
    assert outcome.status != 0 and "healthy" in outcome.err


@every
def test_options_of_another_methods_calibration_are_refused(
    command: CommandLine, models: dict[str, Path], labelled: Path, name: str
) -> None:
    own = {knob.name for knob in registry.find_method(name).calibration_knobs}
    for other in registry.methods().values():
        foreign = [knob for knob in other.calibration_knobs if knob.name not in own and not knob.switches]
        for knob in foreign[:1]:
            value = knob.choices[0] if knob.choices else "2"
            outcome = command("calibrate", models[name], labelled, f"{knob.flag}={value}")
            assert outcome.status == 2 and f"{knob.flag} is an option of" in outcome.err
