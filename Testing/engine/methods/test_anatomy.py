"""Structures that a method outlines: a file of their own beside the findings, named in findings.json."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import CommandLine
from method_models import EXTRA, OUTLINING

from anofpdm import Detector
from anofpdm.core.errors import EvidenceError, OutputError
from anofpdm.methods.structures import Structures
from anofpdm.results.case import CaseEvidence
from anofpdm.results.compare import compare_results
from anofpdm.results.detection import build_detection, claimed_folder
from anofpdm.results.findings import read_findings
from anofpdm.results.segmentation import ANATOMY_FILE
from anofpdm.volumes.resampling import labels_to_volume

NAMES = ("Dark tissue", "Bright tissue")


@pytest.fixture(scope="module")
def case(models: dict[str, Path], head_image: Any) -> CaseEvidence:
    return Detector.from_model(models[OUTLINING]).examine(head_image)


def test_one_layer_of_named_segments_on_the_grid_of_the_input(
    case: CaseEvidence, head_image: Any, tmp_path: Path
) -> None:
    build_detection(case).write(tmp_path, overlay=False)
    image = sitk.ReadImage(str(tmp_path / ANATOMY_FILE))
    assert image.GetSize() == head_image.GetSize() and np.allclose(image.GetOrigin(), head_image.GetOrigin())
    fields = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    assert [fields[f"Segment{n}_Name"] for n in (0, 1)] == list(NAMES) and "Segment2_Name" not in fields
    assert [fields[f"Segment{n}_LabelValue"] for n in (0, 1)] == ["1", "2"]
    assert {fields[f"Segment{n}_Layer"] for n in (0, 1)} == {"0"}
    assert fields["Segment0_Color"] != fields["Segment1_Color"]
    labels = sitk.GetArrayFromImage(image)
    head, values = sitk.GetArrayFromImage(head_image) > 60, sitk.GetArrayFromImage(head_image)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (labels[head] > 0).mean() > 0.9 and values[labels == 2].mean() > 1.5 * values[labels == 1].mean()
    findings = read_findings(tmp_path / "findings.json")
    voxel_ml = float(np.prod(head_image.GetSpacing())) / 1000
    for number, segment in enumerate(findings["segments"][1:], start=1):
        assert (segment["name"], segment["file"], segment["label"]) == (NAMES[number - 1], ANATOMY_FILE, number)
        assert segment["volume_ml"] == pytest.approx((labels == number).sum() * voxel_ml, rel=1e-5)
    assert findings["segments"][0]["volume_ml"] == 0


def test_that_nothing_was_found_is_not_said_where_nobody_looked(case: CaseEvidence) -> None:
    findings = build_detection(case).findings
    assert findings["summary"].startswith("2 structures outlined in ") and findings["components"] == []
    assert {entry["decision"] for entry in findings["slices"]} == {None}


def test_slices_that_were_not_examined_hold_none(case: CaseEvidence) -> None:
    reasons = [reason or "cut off" for reason in case.not_examined_reason]
    row = int(np.flatnonzero(case.examined)[5])
    kept = np.arange(len(case.evidence)) != 5
    evidence = dataclasses.replace(case.evidence, map=case.evidence.map[kept])
    examined = case.examined & (np.arange(len(case.examined)) != row)
    told = tuple("" if seen else reason for seen, reason in zip(examined, reasons, strict=True))
    less = dataclasses.replace(case, evidence=evidence, examined=examined, not_examined_reason=told)
    structures = build_detection(less).structures
    assert structures is not None
    centers = np.rint(case.geometry.to_index(case.grid.slice_centers))[:, 2].astype(int)
    assert not structures.labels[centers[row]].any() and structures.labels[centers[row + 1]].any()


def test_the_files_of_an_older_result_go_with_it(
    command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path
) -> None:
    for method, there in ((OUTLINING, True), (EXTRA, False)):
        call = ("detect", head_file, "--model", models[method], "--output", tmp_path / "out", "--no-overlay")
        assert command(*call).status == 0
        assert (tmp_path / "out" / ANATOMY_FILE).exists() == there


def test_a_table_sees_that_it_is_damaged(
    command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "cases.csv").write_text(f"case,flair\na,{head_file}\n")
    call = ("--cases", tmp_path / "cases.csv", "--output", tmp_path / "out", "--model", models[OUTLINING])
    assert command("detect", *call, "--no-overlay").status == 0
    sound = (tmp_path / "out" / "a" / ANATOMY_FILE).read_bytes()
    (tmp_path / "out" / "a" / ANATOMY_FILE).write_bytes(sound[:-9])
    assert "finished earlier" not in command("detect", *call, "--no-overlay").out
    assert (tmp_path / "out" / "a" / ANATOMY_FILE).read_bytes() == sound


def test_results_that_hold_it_are_compared(case: CaseEvidence, tmp_path: Path) -> None:
    build_detection(case).write(tmp_path / "a", overlay=False)
    assert compare_results(tmp_path / "a", tmp_path / "a").differing == {}


def test_an_input_of_that_name_is_not_replaced(head_file: Path, tmp_path: Path) -> None:
    (tmp_path / ANATOMY_FILE).write_bytes(head_file.read_bytes())
    with (
        pytest.raises(OutputError, match="would replace the input"),
        claimed_folder(tmp_path, [tmp_path / ANATOMY_FILE]),
    ):
        pass


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.full((1, 2, 2), 3, np.uint8), NAMES),
        (np.zeros((1, 2, 2), np.float32), NAMES),
        (np.zeros((2, 2), np.uint8), NAMES),
        (np.zeros((1, 2, 2), np.uint8), ()),
        (np.zeros((1, 2, 2), np.uint8), ("a", "a")),
        (np.zeros((1, 2, 2), np.uint8), ("a\nSegment0_Name:=b",)),
        (np.zeros((1, 2, 2), np.uint8), tuple(map(str, range(256)))),
    ],
)
def test_structures_that_cannot_be(labels: np.ndarray, names: tuple[str, ...]) -> None:
    with pytest.raises(EvidenceError):
        Structures(labels, names)


@pytest.mark.parametrize("value", [0.5, 3.0])
def test_damaged_evidence_is_refused(case: CaseEvidence, value: float) -> None:
    damaged = case.evidence.map.copy()
    damaged[0, 0, 3, 3] = value
    evidence = dataclasses.replace(case.evidence, map=damaged)
    with pytest.raises(EvidenceError, match="labels that cannot be"):
        build_detection(dataclasses.replace(case, evidence=evidence)).write(Path("nowhere"))


def test_labels_keep_their_values_on_the_way_to_the_volume(case: CaseEvidence) -> None:
    labels = np.random.default_rng(3).integers(0, 250, case.grid.array_shape).astype(np.uint8)
    assert np.array_equal(labels_to_volume(labels, case.grid, case.grid), labels)
