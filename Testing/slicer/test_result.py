"""What a detection adds to the scene, and what becomes of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from evidence_makers import BANK, SETTINGS, axial_geometry, make_case
from made_results import LARGE, SMALL, current_mask, made_result, paint
from scene_makers import add_volume

from anofpdm.detection import build_detection
from anofpdm.errors import InputError, SettingsError
from anofpdm.selection.settings import Threshold
from AnoFPDMSegmentLib.mrml import heatmap_node, segmentation_node
from AnoFPDMSegmentLib.mrml.edits import EditedChoice
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf


def node_ids(scene: Any) -> set[str]:
    return {scene.scene.GetNthNode(index).GetID() for index in range(scene.scene.GetNumberOfNodes())}


def column(table: Any, title: str) -> list[Any]:
    values = table.GetTable().GetColumnByName(title)
    return [values.GetValue(row) for row in range(values.GetNumberOfValues())]


def test_nodes_are_named_after_the_input(scene: Any) -> None:
    result = made_result(scene)
    again = made_result(scene)
    assert result.heatmapNode.GetName() == "head anomaly heatmap"
    assert result.segmentationNode.GetName() == "head anomaly segmentation"
    assert result.findingsNode.GetName() == "head anomaly findings"
    names = [node.GetName() for node in (result.heatmapNode, again.heatmapNode)]
    assert len(set(names)) == 2 and [each.node.GetID() for each in Result.all(scene)] == [
        result.node.GetID(),
        again.node.GetID(),
    ]


def test_the_heatmap_is_the_score_and_transparent_below_one(scene: Any) -> None:
    result = made_result(scene)
    display = result.heatmapNode.GetDisplayNode()
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), result.detection.score)
    assert display.GetApplyThreshold() and heatmap_node.shownFrom(result.heatmapNode) == 1.0
    assert display.GetWindowLevelMin() == 1.0 and display.GetWindowLevelMax() > 1.0
    heatmap_node.showFrom(result.heatmapNode, 0.6)
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert heatmap_node.shownFrom(result.heatmapNode) == pytest.approx(0.6)


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
    result.divergencePlot().showSlice(result.detection, 10)
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
    assert second.heatmapNode.GetName() == "head anomaly heatmap"


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


def test_settings_change_everything(scene: Any) -> None:
    result = made_result(scene)
    healthy = np.array(voxelsOf(result.healthyPredictionNode.GetImageData()))
    result.update(dataclasses.replace(SETTINGS, guidance=2.0, threshold=Threshold("value", 0.6)))
    expected = build_detection(result.case, result.settings)
    assert 0 < expected.mask.sum() < build_detection(result.case, SETTINGS).mask.sum()
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), expected.score)
    assert np.array_equal(current_mask(result), expected.mask)
    volumes = [component.volume_ml for component in expected.components]
    assert column(result.findingsNode, "Volume [mL]") == pytest.approx(volumes, rel=1e-5)
    result.update(dataclasses.replace(SETTINGS, guidance=1.0))
    weaker = voxelsOf(result.healthyPredictionNode.GetImageData())
    examined = result.case.examined
    assert np.array_equal(weaker[examined], result.case.evidence.healthy_prediction(1.0)[:, 0])
    assert (weaker[~examined] == -1).all() and np.abs(weaker - healthy).max() > 0.1


def test_settings_that_cannot_be_leave_everything_as_it_is(scene: Any) -> None:
    result = made_result(scene, point=BANK)
    before = np.array(voxelsOf(result.heatmapNode.GetImageData()))
    for action in (result.update, result.preview):
        with pytest.raises(SettingsError, match="0, 2, 8"):
            action(dataclasses.replace(SETTINGS, guidance=3.0))
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), before)
    assert result.settings == SETTINGS and result.segmentationNode.GetDisplayVisibility()


def test_nothing_found_is_shown_as_nothing(scene: Any) -> None:
    result = made_result(scene, balls=[])
    assert result.findingsNode.GetTable().GetNumberOfRows() == 0 and not current_mask(result).any()
    assert not result.wasEdited
    result.update(dataclasses.replace(SETTINGS, threshold=Threshold("value", 1e-4)))
    assert current_mask(result).any()
    result.update(SETTINGS)
    assert not current_mask(result).any() and not result.wasEdited


# --- edits by hand


def test_edits_are_never_overwritten(scene: Any) -> None:
    result = made_result(scene)
    assert not result.wasEdited
    paint(result, np.s_[5:7, 5:7, 5:7])
    assert result.wasEdited
    edited, mask = result.segmentationNode, current_mask(result)
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert result.segmentationNode is not edited and not result.wasEdited
    assert np.array_equal(segmentation_node.readMask(edited, result.frame, mask.shape), mask), (
        "the edited segmentation stays in the scene"
    )
    assert np.array_equal(current_mask(result), result.detection.mask)


def test_the_user_is_asked_once_and_obeyed(scene: Any) -> None:
    result = made_result(scene)
    paint(result, np.s_[5:7, 5:7, 5:7])
    mask, asked = current_mask(result), []

    def answer(choice: EditedChoice) -> Any:
        return lambda: asked.append(choice) or choice

    result.update(dataclasses.replace(SETTINGS, guidance=3.0), answer(EditedChoice.KEEP))
    assert np.array_equal(current_mask(result), mask) and result.wasEdited and len(asked) == 1
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), result.detection.score)
    result.update(SETTINGS, answer(EditedChoice.DISCARD))
    assert np.array_equal(current_mask(result), result.detection.mask) and len(asked) == 2
    result.update(SETTINGS, answer(EditedChoice.KEEP))
    assert len(asked) == 2, "without edits nobody is asked"


@pytest.mark.parametrize("edit", ["erased", "finer", "segment removed"])
def test_every_edit_is_noticed(scene: Any, edit: str) -> None:
    import slicer

    result = made_result(scene)
    segmentation = result.segmentationNode.GetSegmentation()
    if edit == "erased":
        paint(result, np.s_[:, :, :], inside=False)
    elif edit == "segment removed":
        segmentation.RemoveSegment("Anomaly")
    else:
        # One voxel of a grid twice as fine, which the result's own grid cannot show.
        image = slicer.vtkOrientedImageData()
        result.segmentationNode.GetBinaryLabelmapRepresentation("Anomaly", image)
        fine = slicer.vtkOrientedImageData()
        fine.DeepCopy(image)
        fine.SetSpacing([s / 2 for s in image.GetSpacing()])
        fine.SetExtent([2 * n for n in image.GetExtent()])
        fine.AllocateScalars(image.GetScalarType(), 1)
        voxelsOf(fine)[...] = 0
        slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(image, fine, fine)
        voxels = voxelsOf(fine)
        voxels[tuple(np.argwhere(voxels)[0])] = 0
        segmentation.GetSegment("Anomaly").AddRepresentation("Binary labelmap", fine)
    assert result.wasEdited


def test_other_segments_of_the_user_stay(scene: Any) -> None:
    result = made_result(scene)
    segmentation = result.segmentationNode.GetSegmentation()
    own = segmentation.AddEmptySegment("mine", "mine")
    mine = segmentation_node.SEGMENT_ID
    assert own == "mine" and mine != own and not result.wasEdited
    box = np.zeros(result.case.geometry.array_shape, bool)
    box[3:6, 3:6, 3:6] = True
    box |= result.detection.mask  # overlapping ours
    import slicer

    image = segmentation_node.labelmapOf(result.frame, box)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(image, result.segmentationNode, "mine", logic.MODE_REPLACE)
    assert not result.wasEdited
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    after = segmentation_node.readMask(result.segmentationNode, result.frame, box.shape, "mine")
    assert np.array_equal(after, box) and np.array_equal(current_mask(result), result.detection.mask)


def test_a_removed_segmentation_is_made_again(scene: Any) -> None:
    result = made_result(scene)
    scene.removeNode(result.segmentationNode)
    assert result.segmentationNode is None and not result.wasEdited
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert np.array_equal(current_mask(result), result.detection.mask)


def test_a_result_outlives_its_input(scene: Any) -> None:
    result = made_result(scene)
    paint(result, np.s_[5:7, 5:7, 5:7])
    scene.removeNode(result.inputNode)
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert result.inputNode is None and np.array_equal(current_mask(result), result.detection.mask)
    result.show(0.5)
    result.divergencePlot()


def test_what_a_removed_heatmap_leaves_hidden_goes_with_the_next_run(scene: Any) -> None:
    result = made_result(scene)
    segmentation, hidden = result.segmentationNode, result.node
    before = len(node_ids(scene))
    scene.removeNode(result.heatmapNode)
    assert Result.all(scene) == []
    made_result(scene, name="other")
    assert not scene.scene.IsNodePresent(hidden) and scene.scene.IsNodePresent(segmentation)
    assert len(node_ids(scene)) < 2 * before


def test_results_under_a_transform_that_is_not_linear_still_answer(scene: Any) -> None:
    import vtk

    result = made_result(scene)
    warp = scene.addNode("vtkMRMLBSplineTransformNode", "warp")
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in np.ndindex(2, 2, 2):
        source.InsertNextPoint(np.array(corner) * 200.0 - 100)
        target.InsertNextPoint(np.array(corner) * 200.0 - 100 + (10, 0, 0))
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    spline.SetBasisToR()
    warp.SetAndObserveTransformToParent(spline)
    for node in result.volumeNodes:
        node.SetAndObserveTransformNodeID(warp.GetID())
    place = result.detection.components[0].peak_ras_mm
    assert np.allclose(result.frame.toWorld(result.heatmapNode, place), np.add(place, (10, 0, 0)), atol=1e-3)
    result.preview(dataclasses.replace(SETTINGS, guidance=3.0))
    result.update(dataclasses.replace(SETTINGS, guidance=3.0))
    assert np.array_equal(current_mask(result), result.detection.mask)


# --- review


def test_a_rejected_finding_leaves_the_segmentation_and_says_so(scene: Any) -> None:
    result = made_result(scene)
    result.setAccepted(1, False)
    labels = current_mask(result)
    assert 0 < labels.sum() < result.detection.mask.sum()
    assert column(result.findingsNode, "Accepted") == ["no", "yes"] and not result.wasEdited
    assert np.array_equal(voxelsOf(result.heatmapNode.GetImageData()), result.detection.score)
    result.setAccepted(1, True)
    assert np.array_equal(current_mask(result), result.detection.mask)


def test_rejections_follow_their_finding_to_other_settings(scene: Any) -> None:
    result = made_result(scene)
    result.setAccepted(2, False)
    strict = dataclasses.replace(SETTINGS, threshold=Threshold("value", 0.55))
    for settings in (strict, dataclasses.replace(SETTINGS, guidance=2.5), SETTINGS):
        result.update(settings)
        sides = [component.side for component in result.detection.components]
        assert result.accepted == [side == "right" for side in sides] and len(sides) == 2


def test_a_finding_that_swallows_an_accepted_one_is_not_hidden(scene: Any) -> None:
    near = ((28.0, 40.0, 21.0), 10.0)
    result = made_result(scene, balls=[LARGE, near])
    assert len(result.detection.components) == 2
    result.setAccepted(1, False)
    result.update(dataclasses.replace(SETTINGS, threshold=Threshold("value", 0.02)))
    assert len(result.detection.components) == 1 and result.accepted == [True]
    result.setAccepted(1, False)
    assert result.accepted == [False] and not current_mask(result).any()
    result.update(SETTINGS)
    assert False in result.accepted and len(result.accepted) == 2


def test_reviewing_an_edited_segmentation_keeps_the_edits(scene: Any) -> None:
    result = made_result(scene, balls=[LARGE, SMALL])
    paint(result, np.s_[5:7, 5:7, 5:7])
    edited = result.segmentationNode
    result.setAccepted(2, False)
    assert result.segmentationNode is not edited and scene.scene.IsNodePresent(edited)


# --- the divergence plot


@pytest.mark.parametrize("point", [None, BANK])
def test_the_plot_shows_the_curve_and_the_end_step(scene: Any, point: Any) -> None:
    options = {} if point is None else {"point": point}
    result = made_result(scene, modalities=("flair", "t2"), **options)
    index = int(np.flatnonzero(result.case.examined)[5])
    plot = result.divergencePlot()
    plot.showSlice(result.detection, index)
    table = plot.nodes[-1].GetTable()
    names = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    assert names == ["Noise level t", "flair", "flair end step", "t2", "t2 end step"]
    curve = result.case.evidence.divergence(2.0)[5, :, 1]
    values = column(plot.nodes[-1], "t2")
    assert values == pytest.approx(curve.tolist(), rel=1e-5)
    marks = np.array(column(plot.nodes[-1], "t2 end step"))
    (marked,) = np.flatnonzero(np.isfinite(marks))
    assert marked == result.detection.selection.end_index[5, 1] and marks[marked] == pytest.approx(curve[marked])
    assert result.divergencePlot().chart.GetID() == plot.chart.GetID()
    plot.showSlice(result.detection, 0)
    assert "not examined" in plot.chart.GetTitle() and plot.nodes[-1].GetTable().GetNumberOfRows() == 0
