"""What the gate withholds: what is written, what is said, and how it is shown all the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from case_table import Table
from command_line import CommandLine

from anofpdm import Detector
from anofpdm.app.live.live_detection import LiveDetection
from anofpdm.core.errors import WITHHELD, InputError
from anofpdm.detect.detector import DetectorOptions
from anofpdm.followup.follow_up import follow_up
from anofpdm.gate.model_reference import write_reference
from anofpdm.gate.reference import GateReference, Span
from anofpdm.results.case_storage import load_evidence
from anofpdm.results.detection import WITHHELD_FILES, build_detection
from anofpdm.store.model_folder import open_model_folder
from anofpdm.volumes.nrrd_reading import read_nrrd_header

NEVER = GateReference("nothing", 1, (), (), (Span("slices", "acquisition.slice_mm", 0, 1e-3, 1e-3, red=True),))


LOOSE = ("--ungated", "--region", "frame", "--threshold", "quantile=0.8")
"""An untrained network marks something."""


@pytest.fixture
def strict(tiny_model: Path, tmp_path: Path) -> Path:
    """A model that knows no image at all."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "models" / tiny_model.name))
    write_reference(open_model_folder(folder), NEVER)
    return folder


def test_a_red_gate_withholds_until_it_is_forced(
    command: CommandLine, strict: Path, head_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    call = ("detect", head_file, "--model", strict, "--output", out, "--no-overlay", "--progress", "none", *LOOSE)
    assert command(*call, "--force").status == 0
    forced = json.loads((out / "findings.json").read_text())
    assert forced["gate"] == "red" and not forced["withheld"] and forced["components"]
    assert (out / "segmentation.seg.nrrd").is_file()

    outcome = command(*call)
    assert outcome.status == WITHHELD == 7
    assert "Withheld" in outcome.out and "Gate: red." in outcome.out and "mm thick" in outcome.out
    assert {path.name for path in out.iterdir()} == set(WITHHELD_FILES)
    findings = json.loads((out / "findings.json").read_text())
    assert findings["withheld"] and findings["components"] == [] and findings["totals"]["components"] == 0
    assert all(entry["decision"] is None and entry["area_mm2"] == 0 for entry in findings["slices"])
    assert (
        read_nrrd_header(out / "heatmap.nrrd", "heatmap").sizes
        and b"gate:=gate red, withheld" in (out / "heatmap.nrrd").read_bytes()[:2000]
    )

    kept = command("adjust", out, "--threshold", "value=0.0001", "--no-overlay")
    assert kept.status == WITHHELD and not (out / "segmentation.seg.nrrd").exists()
    shown = command("adjust", out, "--threshold", "quantile=0.8", "--force", "--no-overlay")
    assert shown.status == 0
    again = json.loads((out / "findings.json").read_text())
    assert again["gate"] == "red" and not again["withheld"]
    assert len(again["components"]) == len(forced["components"])
    assert load_evidence(out / "evidence.npz").forced


def test_tables_go_on_and_name_the_red_ones(
    command: CommandLine, strict: Path, head_file: Path, tmp_path: Path
) -> None:
    table = Table(command, strict, head_file, tmp_path)
    text = "case,flair\na,head.nii.gz\nb,head.nii.gz\n"
    for finished in (False, True):
        outcome = table.run(text, "--no-overlay")
        assert outcome.status == WITHHELD
        assert "The gate is red for 2 of 2 cases, whose findings are withheld: a, b." in outcome.err
        assert outcome.out.count("finished earlier") == 2 * finished
    assert table.run(text, "--no-overlay", "--force").status == 0


def test_without_a_reference_the_gate_is_unknown_and_never_green(tiny_model: Path, head_file: Path) -> None:
    detection = Detector.from_model(tiny_model, device="cpu").detect(head_file)
    assert detection.findings["gate"] is None and not detection.findings["withheld"]
    assert "Gate: unknown" in detection._repr_html_()


def test_in_python_it_is_withheld_just_so(strict: Path, head_file: Path) -> None:
    detector = Detector.from_model(strict, device="cpu")
    case = detector.examine(head_file)
    withheld = build_detection(case)
    assert case.withheld and not withheld.mask.any() and withheld.components == () and withheld.score.max() > 0
    assert "<img" not in withheld._repr_html_() and not withheld.shown_score.any()
    with pytest.raises(InputError, match="findings are withheld"):
        follow_up(withheld, withheld)
    whole = np.array([0.0, 0.0, 1.0, -1.0])
    assert not any(part.any() for _, part in LiveDetection(case).preview(case.settings, [whole]))
    assert not detector.examine(head_file, DetectorOptions(forced=True)).withheld
