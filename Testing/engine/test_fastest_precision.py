"""Detection takes the precision that the device computes fastest in, if the model is calibrated for it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from command_line import CommandLine
from tiny_model import POINT, tiny_calibration

from anofpdm import Detector
from anofpdm.core.device import fastest_precision
from anofpdm.core.precision import Precision
from anofpdm.methods.anofpdm import ready_network
from anofpdm.methods.anofpdm.calibration import calibrations_to_json
from anofpdm.methods.anofpdm.ready_network import fastest_point
from anofpdm.store.model_folder import open_model_folder, write_calibration

ROUNDED = dataclasses.replace(POINT, precision="bfloat16")


def device_prefers(precision: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready_network, "fastest_precision", lambda device: precision)


@pytest.fixture
def both(tiny_model: Path, tmp_path: Path) -> Path:
    """A model calibrated in both precisions."""
    folder = open_model_folder(shutil.copytree(tiny_model, tmp_path / "both"))
    calibrations = [tiny_calibration(folder.weights_sha256, point=point) for point in (POINT, ROUNDED)]
    return write_calibration(folder, calibrations_to_json(calibrations)).path


@pytest.mark.parametrize("own", [POINT, ROUNDED])
def test_the_devices_precision_is_taken_where_it_is_calibrated(own, monkeypatch: pytest.MonkeyPatch) -> None:
    exact, rounded = (tiny_calibration("a" * 64, point=point) for point in (POINT, ROUNDED))
    for precision, wanted in (("float32", POINT), ("bfloat16", ROUNDED)):
        device_prefers(precision, monkeypatch)  # type: ignore[arg-type]
        assert fastest_point(own, [exact, rounded], "a" * 64, "cpu") == wanted
        # Neither borrowed thresholds nor those of other weights count.
        assert fastest_point(own, [tiny_calibration("a" * 64, point=own)], "a" * 64, "cpu") == own
        assert fastest_point(own, [exact, rounded], "b" * 64, "cpu") == own
        assert fastest_point(own, [], "a" * 64, "cpu") == own


def test_detect_on_the_command_line(
    command: CommandLine, both: Path, head_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device_prefers("bfloat16", monkeypatch)
    for options, wanted in (((), "bfloat16"), (("--precision", "float32"), "float32")):
        outcome = command("detect", head_file, "--model", both, "--output", tmp_path / wanted, "--no-overlay", *options)
        assert outcome.status == 0, outcome.err
        findings = json.loads((tmp_path / wanted / "findings.json").read_text())
        assert findings["parameters"]["operating_point"].endswith(wanted)
        assert "borrowed" not in outcome.err + outcome.out


def test_the_python_interface(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device_prefers("bfloat16", monkeypatch)
    assert Detector.from_model(both, device="cpu").config.operating_point == ROUNDED
    assert Detector.from_model(both, device="cpu", run=POINT).config.operating_point == POINT


@pytest.mark.parametrize(
    ("supported", "wanted"), [((), "float32"), (("_is_avx512_bf16_supported",), "bfloat16"), (None, "float32")]
)
def test_what_a_processor_says(supported, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        if supported is None:  # a version of torch without these questions
            monkeypatch.delattr(torch.cpu, name, raising=False)
        else:
            monkeypatch.setattr(torch.cpu, name, lambda name=name: name in supported, raising=False)
    assert fastest_precision(torch.device("cpu")) == wanted


@pytest.mark.parametrize(("capability", "wanted"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_what_a_gpu_says(capability: tuple[int, int], wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert fastest_precision(torch.device("cuda", 0)) == wanted
    assert fastest_precision(torch.device("mps")) == "float32"
