"""A result of a method whose answer is one map: in the scene as every other, adjusted, saved and reopened live."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evidence_makers import axial_geometry, make_case
from made_results import LARGE, SMALL, made_volume
from test_saved_scene import reopened, same_findings

from anofpdm.methods.map_evidence import MapEvidence, MapSettings
from anofpdm.methods.structures import Structures
from anofpdm.methods.student.config import StudentCalibration
from anofpdm.methods.student.method import Student
from anofpdm.results.case import CaseEvidence
from anofpdm.results.detection import build_detection
from AnoFPDMSegmentLib.mrml.report import reportPage
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.segmentation_node import readMask


def case_of_a_map() -> CaseEvidence:
    """The made-up anomaly as a probability: 0.5, the threshold, at a ball's radius."""
    made = make_case(axial_geometry(), (LARGE, SMALL))
    probability = np.clip(made.evidence.aam(2.0), 0, 1).astype(np.float32)
    return dataclasses.replace(
        made,
        method="student",
        evidence=MapEvidence(probability, {"uncertainty": probability * np.float32(0.1)}),
        calibration=StudentCalibration(threshold=0.5),
        settings=MapSettings(),
    )


def test_it_lies_in_the_scene_without_what_the_method_lacks(scene: Any) -> None:
    result = Result.create(scene, made_volume(scene), build_detection(case_of_a_map()))
    assert len(result.detection.components) == 2
    assert result.heatmapNode is not None and result.segmentationNode is not None
    assert result.healthyPredictionNode is None and result.divergencePlot() is None
    result.update(MapSettings(threshold=0.99))
    assert result.detection.mask.sum() < build_detection(case_of_a_map()).mask.sum()
    result.show(0.5)
    result.remove()


def test_a_saved_scene_reopens_live(scene: Any, tmp_path: Path) -> None:
    result = Result.create(scene, made_volume(scene), build_detection(case_of_a_map()))
    result.update(MapSettings(threshold=0.6))
    with reopened(scene, tmp_path / "case.mrb") as again:
        assert again.settings == MapSettings(threshold=0.6)
        assert np.array_equal(again.detection.score, result.detection.score)
        assert same_findings(again.detection, result.detection)
        again.update(MapSettings())
        assert again.detection.mask.sum() > result.detection.mask.sum()


def test_its_report_names_the_method(scene: Any) -> None:
    result = Result.create(scene, made_volume(scene), build_detection(case_of_a_map()))
    text = reportPage(result)
    assert "Student" in text and "healthy prediction" not in text.lower()


def test_structures_lie_in_a_segmentation_of_their_own(
    scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halves(self: Any, case: CaseEvidence) -> Structures:
        labels = case.head[case.examined].astype(np.uint8)
        labels[:, :, labels.shape[2] // 2 :] *= 2
        return Structures(labels, ("Right half", "Left half"))

    monkeypatch.setattr(Student, "structures", halves)
    result = Result.create(scene, made_volume(scene), build_detection(case_of_a_map()))
    node, shape = result.anatomyNode, result.case.geometry.array_shape
    labels = result.detection.structures.labels
    for number, title in ((1, "Right half"), (2, "Left half")):
        segment = node.GetSegmentation().GetNthSegment(number - 1)
        assert segment.GetName() == title
        assert np.array_equal(readMask(node, result.frame, shape, f"Segment_{number}"), labels == number)
    assert result.segmentationNode.GetSegmentation().GetNumberOfSegments() == 1 and not result.wasEdited
    assert "<h2>Structures</h2>" in reportPage(result) and "Right half" in reportPage(result)
    result.update(MapSettings(threshold=0.99))
    with reopened(scene, tmp_path / "case.mrb") as again:
        assert again.anatomyNode.GetName() == "head anatomy, gate unknown"
        assert again.anatomyNode.GetSegmentation().GetNumberOfSegments() == 2
        again.remove()
        assert again.anatomyNode is None
