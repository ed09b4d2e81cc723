"""The gate's state stands in the names of a result's nodes, in DICOM descriptions, and in every file of a result."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from evidence_makers import axial_geometry, make_case
from made_results import LARGE, current_mask, made_volume, paint
from tree_makers import keep_tree, put_in_study

sys.path.insert(0, str(Path(__file__).parent / "standin"))

import slicer
from slicer_dicom import ScalarVolumePlugin, SegmentationPlugin, written_tags

from anofpdm.core.errors import OutputError
from anofpdm.gate.opinion import GateCheck, GateOpinion
from anofpdm.results.detection import build_detection
from AnoFPDMSegmentLib.mrml.export import exportResult
from AnoFPDMSegmentLib.mrml.result import Result

WORDS = {"green": "", "amber": ", gate amber", "red": ", gate red, withheld", None: ", gate unknown"}
PLACE = np.s_[5:9, 5:9, 5:9]


def judged(scene: Any, state: Any, node: Any = None) -> Result:
    """A result of one finding in an image that the gate calls so; None: by a model without a reference."""
    gate = None if state is None else GateOpinion(state, (GateCheck("slices", state, 3.0, "Thick slices."),))
    case = dataclasses.replace(make_case(axial_geometry(), [LARGE]), gate=gate)
    return Result.create(scene, node or made_volume(scene), build_detection(case))


@pytest.mark.parametrize("state", WORDS)
def test_names_tell_it(scene: Any, state: Any) -> None:
    result = judged(scene, state)
    assert result.heatmapNode.GetName() == f"head anomaly heatmap{WORDS[state]}"
    assert result.segmentationNode.GetName() == f"head anomaly segmentation{WORDS[state]}"
    assert result.findingsNode.GetName() == f"head anomaly findings{WORDS[state]}"
    assert result.name == "head"


def test_names_follow_when_it_is_shown_anyway(scene: Any) -> None:
    volume = made_volume(scene)
    first, second = judged(scene, "red", volume), judged(scene, "red", volume)
    assert second.heatmapNode.GetName() == "head anomaly heatmap, gate red, withheld_1"
    second.segmentationNode.SetName("mine")
    second.lift()
    assert second.heatmapNode.GetName() == "head anomaly heatmap, gate red"
    assert second.segmentationNode.GetName() == "mine"
    first.lift()
    assert first.heatmapNode.GetName() == "head anomaly heatmap, gate red_1"


def test_names_and_what_is_withheld_come_back_with_the_scene(scene: Any, tmp_path: Path) -> None:
    from AnoFPDMSegmentLib.mrml.headless import headlessScene

    result = judged(scene, "red")
    for number, lifted in enumerate((False, True)):
        path = tmp_path / f"{number}.mrb"
        assert scene.scene.WriteToMRB(str(path))
        with headlessScene() as other:
            assert other.scene.ReadFromMRB(str(path), True)
            (again,) = Result.all(other)
            assert again.case.withheld is not lifted and again.detection.mask.any() == lifted
            assert current_mask(again).any() == lifted and bool(again.detection.components) == lifted
            again.setAccepted(1, True) if lifted else again.lift()
            assert again.heatmapNode.GetName() == "head anomaly heatmap, gate red"
            assert np.array_equal(current_mask(again), again.detection.mask) and current_mask(again).any()
        result.lift()


@pytest.fixture
def study(scene: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A series of a patient, in a tree as the application keeps it."""
    monkeypatch.setattr(slicer, "mrmlScene", scene.scene, raising=False)
    volume = made_volume(scene, "5: Ax T2 FLAIR fs")
    keep_tree(scene)
    put_in_study(scene, volume)
    return volume


def description(scene: Any, node: Any) -> str:
    plugin = SegmentationPlugin if node.IsA("vtkMRMLSegmentationNode") else ScalarVolumePlugin
    return written_tags(plugin, scene.subjectHierarchy.GetItemByDataNode(node))["SeriesDescription"]


@pytest.mark.parametrize("name", ["5: Ax T2 FLAIR fs", "t2_tirm_tra_dark-fluid_" * 5])
@pytest.mark.parametrize("state", WORDS)
def test_dicom_series_tell_it(scene: Any, study: Any, state: Any, name: str) -> None:
    study.SetName(name)
    result = judged(scene, state, study)
    ends = {result.heatmapNode: "heatmap", result.segmentationNode: "segmentation"}
    for node, last in ends.items():
        text = description(scene, node)
        assert len(text) <= 64 and text.startswith(name[:4])
        assert text.endswith(f" {last}{WORDS[state]}, research use only")


def test_dicom_series_follow_when_it_is_shown_anyway(scene: Any, study: Any) -> None:
    result = judged(scene, "red", study)
    hierarchy = scene.subjectHierarchy
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(result.heatmapNode), "DICOM.SeriesDescription", "the user's")
    result.lift()
    assert description(scene, result.segmentationNode).endswith(" segmentation, gate red, research use only")
    assert description(scene, result.heatmapNode) == "the user's"


@pytest.mark.parametrize("state", ["green", "amber", None])
def test_files_tell_it(scene: Any, tmp_path: Path, state: Any) -> None:
    words = f"gate {state or 'unknown'}"
    result = judged(scene, state)
    paths = {path.name.rpartition(" ")[2]: path for path in exportResult(result, tmp_path, _IMAGES)}
    assert f"gate:={words}".encode() in paths["heatmap.nrrd"].read_bytes()[:2000]
    assert f"AnoFPDM.Gate:{words}|".encode() in paths["segmentation.seg.nrrd"].read_bytes()[:5000]
    assert words in sitk.ReadImage(str(paths["labelmap.nii.gz"])).GetMetaData("descrip")
    assert words.encode() in paths["surface.stl"].read_bytes()[:80]


_IMAGES = ("segmentation", "labelmap", "surface", "heatmap")


@pytest.mark.parametrize("kind", ["segmentation", "labelmap", "surface"])
def test_no_empty_outline_is_written_for_withheld_findings(scene: Any, tmp_path: Path, kind: str) -> None:
    """It would be read as nothing found; what the user has drawn is theirs, and what is shown anyway is told."""
    result = judged(scene, "red")
    with pytest.raises(OutputError, match="Show anyway"):
        exportResult(result, tmp_path, {kind, "heatmap"})
    assert list(tmp_path.iterdir()) == []
    assert len(exportResult(result, tmp_path, {"heatmap", "csv", "json", "report"})) == 5
    paint(result, PLACE)
    assert len(exportResult(result, tmp_path, {kind})) == 1
    result.lift()
    (path,) = exportResult(result, tmp_path, {kind})
    if kind == "segmentation":
        assert b"AnoFPDM.Gate:gate red|" in path.read_bytes()[:5000]


def test_what_was_drawn_while_findings_are_withheld_is_never_lost(scene: Any) -> None:
    result = judged(scene, "red")
    paint(result, PLACE)
    drawn = result.segmentationNode
    assert result.wasEdited
    result.lift()
    assert result.segmentationNode is not drawn and not result.wasEdited
    assert np.array_equal(current_mask(result), result.detection.mask)
    mask = slicer.vtkOrientedImageData()
    assert drawn.GetBinaryLabelmapRepresentation("Anomaly", mask) and not mask.IsEmpty()
