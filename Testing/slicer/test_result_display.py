"""Of all results the chosen one alone is visible, and nothing of ours over an image that it was not made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_results import paint
from patients import (
    LEFT,
    RIGHT,
    add_image,
    add_result,
    add_views,
    backgrounds,
    centers,
    foregrounds,
    look_at,
    outlined_in,
    step_to,
)

from AnoFPDMSegmentLib.mrml import slice_views
from AnoFPDMSegmentLib.mrml.edits import EditedChoice
from AnoFPDMSegmentLib.mrml.examined_inputs import ExaminedInputs
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.result_display import DisplayChoices, ResultDisplay
from AnoFPDMSegmentLib.mrml.segmentation_node import showSurface

ALL = ["Red", "Yellow", "Green"]


class Scene:
    """Two patients with a result each; `display` watches."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.views = add_views(context)
        self.first, self.second = add_image(context, "FLAIR", 90), add_image(context, "FLAIR", 160)
        self.heard: list[None] = []
        self.display = ResultDisplay(context, lambda: self.heard.append(None))
        self.display.watch()
        self.one, self.two = add_result(context, self.first, LEFT), add_result(context, self.second, RIGHT)

    def show(self, result: Result) -> None:
        self.display.choose(result)
        self.display.show()


@pytest.fixture
def two(scene: Any) -> Any:
    made = Scene(scene)
    yield made
    made.display.unwatch()


def test_showing_a_result_sets_image_heatmap_and_outline_and_goes_to_its_largest_finding(two: Any) -> None:
    for result, image, other in ((two.one, two.first, two.two), (two.two, two.second, two.one)):
        two.show(result)
        assert backgrounds(two.context) == [image.GetID()] * 3
        assert foregrounds(two.context) == [result.heatmapNode.GetID()] * 3
        assert outlined_in(two.context, result) == ALL and outlined_in(two.context, other) == []
        assert np.allclose(centers(two.context), result.detection.components[0].peak_ras_mm, atol=1e-3)


def test_a_new_result_is_drawn_nowhere_before_it_is_shown(two: Any) -> None:
    look_at(two.context, two.second)
    before = centers(two.context)
    result = add_result(two.context, two.first, LEFT)
    assert outlined_in(two.context, result) == [] and foregrounds(two.context) == [None] * 3
    assert not two.display.mayShow(ExaminedInputs.now({"flair": two.first}))
    assert two.display.mayShow(ExaminedInputs.now({"flair": two.second}))
    two.display.choose(result)
    assert not two.display.isInView and np.array_equal(centers(two.context), before)
    assert outlined_in(two.context, result) == [] and foregrounds(two.context) == [None] * 3
    look_at(two.context, two.first)
    assert two.display.isInView and outlined_in(two.context, result) == ALL
    assert foregrounds(two.context) == [result.heatmapNode.GetID()] * 3


def test_another_image_in_the_views_takes_heatmap_and_outline_away_until_it_is_gone(two: Any) -> None:
    two.show(two.one)
    two.heard.clear()
    look_at(two.context, two.second)
    assert two.heard and not two.display.isInView
    assert foregrounds(two.context) == [None] * 3 and outlined_in(two.context, two.one) == []
    two.display.setChoices(DisplayChoices(opacity=0.3))  # nothing comes back by it
    assert foregrounds(two.context) == [None] * 3
    look_at(two.context, two.first)
    assert foregrounds(two.context) == [two.one.heatmapNode.GetID()] * 3 and outlined_in(two.context, two.one) == ALL
    assert {composite.GetForegroundOpacity() for _, composite in slice_views.slicePairs(two.context)} == {0.3}
    assert list(two.one.segmentationNode.GetDisplayNode().GetViewNodeIDs()) == []


def test_each_view_on_its_own(two: Any) -> None:
    """One view shows another image: the others keep what is theirs, the surface stays."""
    three = two.context.addNode("vtkMRMLViewNode", "3D")
    two.show(two.one)
    showSurface(two.one.segmentationNode, True)
    red, yellow, green = (composite for _, composite in slice_views.slicePairs(two.context))
    yellow.SetBackgroundVolumeID(two.second.GetID())
    display = two.one.segmentationNode.GetDisplayNode()
    assert outlined_in(two.context, two.one) == ["Red", "Green"] and two.display.isInView
    assert foregrounds(two.context) == [two.one.heatmapNode.GetID(), None, two.one.heatmapNode.GetID()]
    assert display.IsDisplayableInView(three.GetID())
    for composite in (red, green):
        composite.SetBackgroundVolumeID(two.second.GetID())
    assert not display.IsDisplayableInView(three.GetID())
    yellow.SetBackgroundVolumeID(two.first.GetID())
    assert outlined_in(two.context, two.one) == ["Yellow"] and display.IsDisplayableInView(three.GetID())


def test_views_that_the_user_had_chosen_for_an_outline_come_back(two: Any) -> None:
    two.show(two.one)
    display = two.one.segmentationNode.GetDisplayNode()
    display.SetViewNodeIDs(["vtkMRMLSliceNodeRed", "vtkMRMLSliceNodeGreen"])
    slice_views.slicePairs(two.context)[0][1].SetBackgroundVolumeID(two.second.GetID())
    assert outlined_in(two.context, two.one) == ["Green"]
    look_at(two.context, two.first)
    assert outlined_in(two.context, two.one) == ["Red", "Green"]


def test_what_the_user_lays_over_an_image_is_not_touched(two: Any) -> None:
    look_at(two.context, two.second)
    for _, composite in slice_views.slicePairs(two.context):
        composite.SetForegroundVolumeID(two.first.GetID())
    two.display.choose(two.one)
    two.display.setChoices(DisplayChoices(opacity=0.2))
    assert foregrounds(two.context) == [two.first.GetID()] * 3
    look_at(two.context, two.first)
    assert foregrounds(two.context) == [two.first.GetID()] * 3


@pytest.mark.parametrize("choice", ["heatmap off", "healthy prediction", "outline off"])
def test_choices_hold_for_whichever_result_is_shown(two: Any, choice: str) -> None:
    choices = {
        "heatmap off": DisplayChoices(heatmap=False),
        "healthy prediction": DisplayChoices(healthyPrediction=True),
        "outline off": DisplayChoices(outline=False),
    }[choice]
    two.show(two.one)
    two.display.setChoices(choices)
    for result in (two.two, two.one):
        two.show(result)
        expected = {"heatmap off": None, "healthy prediction": result.healthyPredictionNode.GetID()}
        assert foregrounds(two.context) == [expected.get(choice, result.heatmapNode.GetID())] * 3
        assert outlined_in(two.context, result) == ([] if choice == "outline off" else ALL)
    two.display.setChoices(DisplayChoices())
    assert foregrounds(two.context) == [two.one.heatmapNode.GetID()] * 3 and outlined_in(two.context, two.one) == ALL


def test_without_outline_the_surface_stays(two: Any) -> None:
    two.show(two.one)
    showSurface(two.one.segmentationNode, True)
    two.display.setChoices(DisplayChoices(outline=False))
    display = two.one.segmentationNode.GetDisplayNode()
    assert display.GetVisibility() and display.GetVisibility3D() and not display.GetVisibility2D()


def test_an_edited_outline_that_left_its_result_stays_with_its_image(two: Any) -> None:
    two.show(two.one)
    edited = two.one.segmentationNode
    paint(two.one, np.s_[5:7, 5:7, 5:7])
    two.one.update(two.one.settings, lambda: EditedChoice.NEW)
    two.display.choose(two.one)
    display = edited.GetDisplayNode()
    assert two.one.segmentationNode is not edited
    assert outlined_in(two.context, two.one) == ALL and display.IsDisplayableInView("vtkMRMLSliceNodeRed")
    two.show(two.two)
    assert display.GetVisibility() and not display.IsDisplayableInView("vtkMRMLSliceNodeRed")
    two.show(two.one)
    assert display.IsDisplayableInView("vtkMRMLSliceNodeRed")


def test_a_volume_that_stepped_to_another_time_point_is_another_image(two: Any) -> None:
    two.show(two.one)
    examined = ExaminedInputs.now({"flair": two.first})
    then = two.first.GetImageData()
    step_to(two.first, 40)
    assert two.display.imageHasChanged and not two.display.isInView and not two.display.mayShow(examined)
    assert foregrounds(two.context) == [None] * 3 and outlined_in(two.context, two.one) == []
    two.display.show()
    assert foregrounds(two.context) == [None] * 3 and outlined_in(two.context, two.one) == []
    assert not two.one.isOf(ExaminedInputs.now({"flair": two.first}))
    later = add_result(two.context, two.first, RIGHT)
    two.show(later)
    assert outlined_in(two.context, later) == ALL and outlined_in(two.context, two.one) == []
    two.first.SetAndObserveImageData(then)
    assert two.one.isOf(ExaminedInputs.now({"flair": two.first})) and two.one.isOf(examined)
    assert outlined_in(two.context, later) == [] and foregrounds(two.context) == [None] * 3
    two.show(two.one)
    assert foregrounds(two.context) == [two.one.heatmapNode.GetID()] * 3 and outlined_in(two.context, two.one) == ALL


def test_the_proxy_volume_of_a_real_sequence(two: Any) -> None:
    import slicer

    logic = slicer.vtkSlicerSequencesLogic()
    logic.SetMRMLApplicationLogic(two.context.applicationLogic)
    logic.SetMRMLScene(two.context.scene)
    sequence = two.context.addNode("vtkMRMLSequenceNode", "sequence")
    for time, image in enumerate((two.first, two.second)):
        sequence.SetDataNodeAtValue(image, str(time))
    browser = two.context.addNode("vtkMRMLSequenceBrowserNode", "browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())

    def step(time: int) -> None:
        browser.SetSelectedItemNumber(time)
        logic.UpdateProxyNodesFromSequences(browser)

    step(0)
    proxy = browser.GetProxyNode(sequence)
    result = add_result(two.context, proxy, LEFT)
    two.show(result)
    for _ in range(2):
        assert outlined_in(two.context, result) == ALL
        assert foregrounds(two.context) == [result.heatmapNode.GetID()] * 3
        step(1)
        assert two.display.imageHasChanged and not result.isOf(ExaminedInputs.now({"flair": proxy}))
        assert outlined_in(two.context, result) == [] and foregrounds(two.context) == [None] * 3
        step(0)
        assert result.isOf(ExaminedInputs.now({"flair": proxy}))


def test_a_healthy_prediction_made_again_keeps_to_its_image_too(two: Any) -> None:
    two.display.setChoices(DisplayChoices(healthyPrediction=True))
    two.show(two.one)
    two.context.removeNode(two.one.healthyPredictionNode)
    two.one.update(two.one.settings)
    two.show(two.one)
    assert foregrounds(two.context) == [two.one.healthyPredictionNode.GetID()] * 3
    look_at(two.context, two.second)
    assert foregrounds(two.context) == [None] * 3


def test_voxels_changed_in_place_are_another_image_too(two: Any) -> None:
    from AnoFPDMSegmentLib.mrml.voxels import setVoxels, voxelsOf

    two.show(two.one)
    setVoxels(two.first, voxelsOf(two.first.GetImageData()) + np.int16(1))
    assert not two.display.isInView and foregrounds(two.context) == [None] * 3


def test_a_finding_of_a_result_out_of_view_is_shown_with_its_image(two: Any) -> None:
    two.show(two.one)
    look_at(two.context, two.second)
    two.display.centreOn(1)
    assert backgrounds(two.context) == [two.first.GetID()] * 3
    assert np.allclose(centers(two.context), two.one.detection.components[0].peak_ras_mm, atol=1e-3)
    look_at(two.context, two.second)
    two.display.centreOnSlice(12)
    assert backgrounds(two.context) == [two.first.GetID()] * 3
    # Where a view shows it the others are left as the user has them.
    slice_views.slicePairs(two.context)[1][1].SetBackgroundVolumeID(two.second.GetID())
    two.display.centreOn(1)
    assert backgrounds(two.context) == [two.first.GetID(), two.second.GetID(), two.first.GetID()]


def test_without_the_examined_image_the_result_lies_over_nothing(two: Any) -> None:
    two.show(two.one)
    look_at(two.context, two.second)
    two.context.removeNode(two.first)
    assert outlined_in(two.context, two.one) == []
    two.display.show()
    assert backgrounds(two.context) == [None] * 3 and outlined_in(two.context, two.one) == ALL
    look_at(two.context, two.second)
    assert foregrounds(two.context) == [None] * 3 and outlined_in(two.context, two.one) == []


def test_a_view_that_is_added_later_is_watched_too(two: Any) -> None:
    import slicer

    two.show(two.one)
    look_at(two.context, two.second)
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(two.context.applicationLogic)
    logic.SetMRMLScene(two.context.scene)
    logic.AddSliceNode("Compare1")
    composite = logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(two.first.GetID())
    composite.SetForegroundVolumeID(two.one.heatmapNode.GetID())
    assert outlined_in(two.context, two.one) == ["Compare1"]
    composite.SetBackgroundVolumeID(two.second.GetID())
    assert outlined_in(two.context, two.one) == [] and composite.GetForegroundVolumeID() is None


def test_saved_and_reopened_it_is_known_what_each_was_made_from(two: Any, tmp_path: Path) -> None:
    from AnoFPDMSegmentLib.mrml.headless import headlessScene

    two.show(two.one)
    look_at(two.context, two.second)
    assert two.context.scene.WriteToMRB(str(tmp_path / "case.mrb"))
    with headlessScene() as other:
        views = add_views(other)
        display = ResultDisplay(other, lambda: None)
        display.watch()
        assert other.scene.ReadFromMRB(str(tmp_path / "case.mrb"), True)
        one, second = Result.all(other)
        display.choose(one)
        assert outlined_in(other, one) == [] == outlined_in(other, second) and not display.isInView
        assert not display.imageHasChanged
        look_at(other, one.inputNode)
        assert outlined_in(other, one) == ALL and foregrounds(other) == [one.heatmapNode.GetID()] * 3
        display.unwatch()
        del views


@pytest.mark.parametrize("grid", ["axial", "left-handed", "left-handed oblique"])
def test_the_fingerprint_outlives_saving(scene: Any, tmp_path: Path, grid: str) -> None:
    """Slicer turns left-handed volumes over as it reads them."""
    from scene_makers import add_volume, load_volume
    from test_result_geometry import GRIDS, SIZE

    from AnoFPDMSegmentLib.mrml.image_content import contentOf

    voxels = np.random.default_rng(0).integers(-500, 500, SIZE[::-1]).astype(np.int16)
    node = add_volume(scene, voxels, GRIDS[grid], "head")
    content = contentOf(node)
    storage = node.CreateDefaultStorageNode()
    storage.SetFileName(str(tmp_path / "head.nrrd"))
    assert storage.WriteData(node)
    assert contentOf(load_volume(scene, tmp_path / "head.nrrd")) == content != ""
    voxels[3, 2, 1] += 1
    assert contentOf(add_volume(scene, voxels, GRIDS[grid], "other")) != content
