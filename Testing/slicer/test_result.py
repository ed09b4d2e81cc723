"""What a detection adds to the scene, and what is left of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from evidence_makers import SETTINGS, axial_geometry, make_case
from made_results import LARGE, column, current_mask, made_result, node_ids, paint
from scene_makers import add_volume

from anofpdm.core.errors import InputError
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.results.detection import build_detection
from AnoFPDMSegmentLib.mrml import heatmap_node
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf


def test_nodes_are_named_after_the_input(scene: Any) -> None:
    result = made_result(scene)
    again = made_result(scene)
    assert result.heatmapNode.GetName() == "head anomaly heatmap, gate unknown"
    assert result.segmentationNode.GetName() == "head anomaly segmentation, gate unknown"
    assert result.findingsNode.GetName() == "head anomaly findings, gate unknown"
    names = [node.GetName() for node in (result.heatmapNode, again.heatmapNode)]
    assert len(set(names)) == 2 and [each.node.GetID() for each in Result.all(scene)] == [
        result.node.GetID(),
        again.node.GetID(),
    ]


def test_the_heatmap_is_the_score_and_transparent_below_one(scene: Any) -> None:
    result = made_result(scene)
    display = result.heatmapNode.GetDisplayNode()
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), result.detection.score)
    assert display.GetApplyThreshold() and display.GetLowerThreshold() == 1.0
    assert display.GetWindowLevelMin() == 1.0 and display.GetWindowLevelMax() > 1.0
    heatmap_node.showFrom(result.heatmapNode, 0.6)
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert display.GetLowerThreshold() == pytest.approx(0.6)


def test_the_segment_says_what_it_is_and_that_it_is_automatic(scene: Any) -> None:
    result = made_result(scene)
    segment = result.segmentationNode.GetSegmentation().GetSegment("Anomaly")
    assert segment_tag(segment, "DICOM.SegmentAlgorithmType") == "AUTOMATIC"
    assert segment_tag(segment, "DICOM.SegmentAlgorithmName") == "AnoFPDM"
    terminology = segment_tag(segment, "TerminologyEntry")
    assert "49755003" in terminology and "12738006" in terminology
    role = result.segmentationNode.GetReferenceImageGeometryReferenceRole()
    assert result.segmentationNode.GetNodeReference(role).GetID() == result.inputNode.GetID()
    assert np.array_equal(current_mask(result), result.detection.mask)


def segment_tag(segment: Any, name: str) -> str:
    import vtk

    value = vtk.reference("")
    assert segment.GetTag(name, value), name
    return str(value)


def test_tables_hold_the_findings(scene: Any) -> None:
    result = made_result(scene)
    assert column(result.findingsNode, "Side") == ["right", "left"]
    assert column(made_result(scene, side_known=False).findingsNode, "Side") == ["unknown", "unknown"]
    assert column(result.findingsNode, "Accepted") == ["yes", "yes"]
    volumes = [component.volume_ml for component in result.detection.components]
    assert column(result.findingsNode, "Volume [mL]") == pytest.approx(volumes, rel=1e-5)
    decisions = column(result.slicesNode, "Decision")
    examined = result.case.examined
    assert len(decisions) == len(examined) and not examined.all()
    for each, seen in zip(decisions, examined, strict=True):
        assert each == ("no decision" if seen else "not examined: no head in this slice")
    areas = column(result.slicesNode, "Area [mm2]")
    assert np.isnan(np.array(areas)[~examined]).all() and np.isfinite(np.array(areas)[examined]).all()


@pytest.mark.parametrize("decision", ["map", "similarity", None])
def test_the_table_of_slices_shows_the_threshold_that_decides(scene: Any, detected_case: Any, decision: Any) -> None:
    from scene_makers import SAMPLE, load_volume

    settings = SelectionSettings(decision=decision)
    if decision == "similarity":
        typical = float(np.median(build_detection(detected_case).answer.similarity))
        settings = dataclasses.replace(settings, decision_threshold=typical)
    if decision is None:
        settings = dataclasses.replace(SETTINGS, guidance=30.0)
        detected_case = dataclasses.replace(detected_case, calibration=None)
    detection = build_detection(detected_case, settings)
    result = Result.create(scene, load_volume(scene, SAMPLE), detection)
    examined = detected_case.examined
    assert column(result.slicesNode, "Slice") == list(range(1, len(examined) + 1))
    limits = np.array(column(result.slicesNode, "Decision threshold"))
    decided = column(result.slicesNode, "Decided by")
    verdicts = np.array(column(result.slicesNode, "Decision"))[examined]
    if decision is None:
        assert set(decided) == {""} and np.isnan(limits).all() and set(verdicts) == {"no decision"}
        return
    name = {"map": "Map statistic", "similarity": "Similarity"}[decision]
    assert [text for text, seen in zip(decided, examined, strict=True) if not seen] == [""] * int((~examined).sum())
    assert {text for text, seen in zip(decided, examined, strict=True) if seen} == {name.lower()}
    values = np.array(column(result.slicesNode, name))
    over = values >= limits if decision == "map" else values <= limits
    assert set(verdicts) == {"healthy", "unhealthy"}
    assert np.array_equal(over[examined], verdicts == "unhealthy")
    assert np.isnan(limits[~examined]).all()


def test_evidence_is_hidden_and_no_result_is_offered_as_input(scene: Any) -> None:
    from AnoFPDMSegmentLib.mrml.evidence_nodes import evidenceNodes
    from AnoFPDMSegmentLib.mrml.input_volumes import checkInput, guessInputs

    result = made_result(scene, name="patient FLAIR")
    assert len(evidenceNodes(result.node)) == 8
    assert all(node.GetHideFromEditors() for node in [*evidenceNodes(result.node), result.node])
    volumes = [node for node in result.volumeNodes if node.IsA("vtkMRMLVolumeNode")]
    assert len(volumes) == 9 and not any(checkInput(node)[0] for node in volumes)
    assert guessInputs(scene, ["flair"]) == {"flair": result.inputNode}


def test_removing_leaves_the_scene_as_it_was(scene: Any) -> None:
    geometry = axial_geometry()
    node = add_volume(scene, np.ones(geometry.array_shape, np.float32))
    before = node_ids(scene)
    result = Result.create(scene, node, build_detection(make_case(geometry, [LARGE])))
    result.divergencePlot().showSlice(result.detection, 10, 0.0)
    result.remove()
    left = [scene.scene.GetNodeByID(each) for each in node_ids(scene) - before]
    assert [each.GetName() for each in left] == ["AnoFPDM heat"]  # the color table serves every result
    assert Result.all(scene) == []


def test_a_failure_midway_leaves_the_scene_as_it_was(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = axial_geometry()
    node = add_volume(scene, np.ones(geometry.array_shape, np.float32))
    heatmap_node.heatColors(scene)
    before = node_ids(scene)
    detection = build_detection(make_case(geometry, [LARGE]))

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("AnoFPDMSegmentLib.mrml.subject_hierarchy.putBeside", fail)
    with pytest.raises(MemoryError):
        Result.create(scene, node, detection)
    assert node_ids(scene) == before


def test_a_volume_of_another_size_is_refused(scene: Any) -> None:
    node = add_volume(scene, np.ones((4, 5, 6), np.float32), name="other")
    with pytest.raises(InputError, match="other has 6 x 5 x 4 voxels"):
        Result.create(scene, node, build_detection(make_case(axial_geometry(), [LARGE])))


@pytest.mark.parametrize("edited", [False, True])
def test_a_second_run_replaces_the_first_but_not_its_edits(scene: Any, edited: bool) -> None:
    first = made_result(scene)
    segmentation = first.segmentationNode
    if edited:
        paint(first, np.s_[5:7, 5:7, 5:7])
    second = Result.create(scene, first.inputNode, first.detection, replace=first)
    assert [each.node.GetID() for each in Result.all(scene)] == [second.node.GetID()]
    assert bool(scene.scene.IsNodePresent(segmentation)) is edited
    assert second.heatmapNode.GetName() == "head anomaly heatmap, gate unknown"


def test_results_lie_beside_the_input_in_the_hierarchy(scene: Any) -> None:
    """Where items exist, as in the application."""
    hierarchy = scene.subjectHierarchy
    geometry = axial_geometry()
    node = add_volume(scene, np.ones(geometry.array_shape, np.float32))
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.CreateItem(study, node)
    scene.scene.AddObserver(
        scene.scene.NodeAddedEvent,
        _adder(hierarchy),
    )
    result = Result.create(scene, node, build_detection(make_case(geometry, [LARGE])))
    for each in (result.heatmapNode, result.segmentationNode, result.findingsNode, result.slicesNode):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(each)) == study, each.GetName()


def _adder(hierarchy: Any) -> Any:
    """Gives visible nodes an item, as the application's plugins do."""
    import vtk

    def add(_caller: Any, _event: str, node: Any) -> None:
        if not node.GetHideFromEditors() and node.IsA("vtkMRMLStorableNode"):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    add.CallDataType = vtk.VTK_OBJECT  # type: ignore[attr-defined]
    return add


def test_what_a_removed_heatmap_leaves_hidden_goes_with_the_next_run(scene: Any) -> None:
    result = made_result(scene)
    segmentation, hidden = result.segmentationNode, result.node
    before = len(node_ids(scene))
    scene.removeNode(result.heatmapNode)
    assert Result.all(scene) == []
    made_result(scene, name="other")
    assert not scene.scene.IsNodePresent(hidden) and scene.scene.IsNodePresent(segmentation)
    assert len(node_ids(scene)) < 2 * before
