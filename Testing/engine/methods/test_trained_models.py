"""A method whose network the shared loop trains ends in a model of that method: calibrated, it detects."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import CommandLine
from tiny_model import tiny_config, write_tiny_model
from training_samples import MODEL, training_config, write_data

from anofpdm.methods import registry
from anofpdm.methods.shared_loop import SharedLoop
from anofpdm.results.findings import read_findings
from anofpdm.store.model_folder import open_model_folder
from anofpdm.training.config import training_config_to_dict

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")

LOOPED = sorted(
    method.name
    for method in registry.methods().values()
    if any(isinstance(stage.fit, SharedLoop) for stage in method.stages)
)
QUICK = {
    "presets": "default=2",
    "ranges": "1..300",
    "guidance": "0,2",
    "precision": "float32",
    "try_level": "20",
    "try_steps": "2",
    "try_scale": "1",
}
"""Values for options of calibrating that some methods have, which make it short."""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("labelled"))


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(training_config_to_dict(training_config(steps=2, warmup_steps=0))), encoding="utf-8")
    return path


@pytest.fixture
def guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the list of models: a diffusion model that sees the same input."""
    monkeypatch.setenv("ANOFPDM_MODELS", str(tmp_path / "listed"))
    return write_tiny_model(tmp_path / "listed" / "guide", MODEL, calibrated=False).path


@pytest.mark.usefixtures("guided")
@pytest.mark.parametrize("name", LOOPED)
def test_training_ends_in_a_model_that_calibrated_detects(
    command: CommandLine, labelled: Path, config_file: Path, tmp_path: Path, name: str
) -> None:
    call = ("train", labelled, "--method", name, "--config", config_file, "--output", tmp_path / "run")
    trained = command(*call, "--no-tensorboard", "--device", "cpu", "--cache", labelled.parent / "slices")
    assert trained.status == 0, trained.err
    (model,) = (path.parent for path in (tmp_path / "run").glob("*/config.json"))
    assert f"The model lies in {model}; calibrate it next." in trained.out
    folder = open_model_folder(model)
    method = registry.find_method(name)
    assert folder.config.method == name and method.check_model(folder) == []
    assert "2 of 2 steps" in folder.model_card and "not calibrated" in folder.model_card

    detect = (
        "detect",
        labelled.parent / "a_val.nii.gz",
        "--model",
        model,
        "--output",
        tmp_path / "out",
        "--no-overlay",
    )
    fresh = command(*detect)
    assert fresh.status == 2 and "calibrat" in fresh.err and "--threshold" in fresh.err
    quick = [f"{knob.flag}={QUICK[knob.name]}" for knob in method.calibration_knobs if knob.name in QUICK]
    calibrated = command("calibrate", model, labelled, *quick, "--progress", "none")
    assert calibrated.status == 0, calibrated.err
    detected = command(*detect)
    assert detected.status == 0, detected.err
    found = read_findings(tmp_path / "out" / "findings.json")
    assert (found["method"]["name"], found["model"]["name"]) == (name, folder.config.name)


@pytest.mark.usefixtures("guided")
def test_what_is_tried_is_chosen_by_image_level_labels(
    command: CommandLine, labelled: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    place = shutil.copytree(models["ddib"].parent, tmp_path / "models") / "ddib"
    tried = ("--try-level", "20,40", "--try-guidance", "6")
    outcome = command("calibrate", place, labelled, *tried, "--progress", "json")
    assert outcome.status == 0, outcome.err
    events = [json.loads(line) for line in outcome.out.splitlines()]
    said = [event["text"] for event in events if "image-level AUROC" in event.get("text", "")]
    assert len(said) == 2
    auroc = {text.split(": image-level AUROC ")[0]: float(text.rsplit(" ", 1)[1]) for text in said}
    config: Any = open_model_folder(place).config
    chosen = f"level {config.sampling.level:g}, steps 3, guidance {config.sampling.guidance:g}"
    assert auroc[chosen] == max(auroc.values()) and config.calibration.slices > 0
    before = open_model_folder(place).checksums
    for wrong, words in (
        (("--try-level", "20,5000"), "at most the model's 1000"),
        (("--try-level", "20,much"), "takes a whole number"),
        (("--try-guidance", "1", "--name", "clinic"), "leave --name out"),
    ):
        refused = command("calibrate", place, labelled, *wrong)
        assert refused.status == 2 and words in refused.err
    assert open_model_folder(place).checksums == before


def test_a_classifier_is_told_which_network_it_guides(
    command: CommandLine, labelled: Path, config_file: Path, guided: Path, tmp_path: Path
) -> None:
    call = ("train", labelled, "--method", "classifier-guidance", "--config", config_file, "--output", tmp_path / "run")
    other = write_tiny_model(guided.with_name("other"), MODEL, calibrated=False)
    outcome = command(*call)
    assert outcome.status == 2 and "same input are guide, other" in outcome.err and "--diffusion" in outcome.err
    wrong = write_tiny_model(tmp_path / "elsewhere", tiny_config("elsewhere", matrix=32)).path
    outcome = command(*call, "--diffusion", wrong)
    assert outcome.status == 3 and "needs another grid than the network of" in outcome.err
    for path in (guided, other.path):
        (path / "config.json").unlink()
        (path / "weights.safetensors").unlink()
    outcome = command(*call)
    assert outcome.status == 2 and "none here sees the same input" in outcome.err
    assert not (tmp_path / "run").exists()
