"""Two patients in one scene: what the panel shows is the chosen one's alone, and it says whose that is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_slices import write_slab
from patients import (
    LEFT,
    RIGHT,
    add_image,
    add_result,
    backgrounds,
    centers,
    foregrounds,
    look_at,
    outlined_in,
    put_under,
    step_to,
)

ALL = ["Red", "Yellow", "Green"]


@pytest.fixture
def two(session: Any) -> Any:
    """Of each patient an image, of the same protocol, and a result."""
    context = session.context
    session.first = add_image(context, "5: Ax T2 FLAIR fs", 90, "Rosa", "Head (2024-01-02)")
    session.second = add_image(context, "5: Ax T2 FLAIR fs", 160, "Karl", "Head (2024-03-04)")
    session.one, session.other = add_result(context, session.first, LEFT), add_result(context, session.second, RIGHT)
    session.panel._results.reload()
    session.pump()
    return session


def test_choosing_a_result_shows_it_whole_and_alone(two: Any) -> None:
    ui = two.ui
    for part, image, result, rest in (
        ("Rosa", two.first, two.one, two.other),
        ("Karl", two.second, two.other, two.one),
        ("Rosa", two.first, two.one, two.other),
    ):
        if ui.resultSelector.currentText.startswith(part):
            two.click(ui.showResultButton)
        two.choose(ui.resultSelector, part)
        assert backgrounds(two.context) == [image.GetID()] * 3
        assert foregrounds(two.context) == [result.heatmapNode.GetID()] * 3
        assert outlined_in(two.context, result) == ALL and outlined_in(two.context, rest) == []
        assert np.allclose(centers(two.context), result.detection.components[0].peak_ras_mm, atol=1e-3)
        assert not ui.notShownLabel.visible


def test_results_of_one_protocol_are_told_apart(two: Any) -> None:
    ui = two.ui
    texts = [ui.resultSelector.itemText(row) for row in range(ui.resultSelector.count)]
    assert texts == ["Rosa · Head (2024-01-02) · 5: Ax T2 FLAIR fs", "Karl · Head (2024-03-04) · 5: Ax T2 FLAIR fs_1"]
    two.choose(ui.resultSelector, "Rosa")
    assert ui.resultPlaceLabel.text.startswith("Rosa · Head (2024-01-02) · 5: Ax T2 FLAIR fs · made ")
    assert ui.resultPlaceLabel.text.endswith("with Made-up model")
    two.panel.state.parameters.inputVolume1 = two.second
    two.pump()
    assert ui.inputsPlaceLabel.text == "Karl · Head (2024-03-04)" and ui.inputsPlaceLabel.visible


def test_two_results_of_one_image_are_told_apart(session: Any) -> None:
    image = add_image(session.context, "head", 90)
    for _ in range(2):
        add_result(session.context, image, LEFT)
    session.panel._results.reload()
    session.pump()
    ui = session.ui
    texts = [ui.resultSelector.itemText(row) for row in range(2)]
    assert len(set(texts)) == 2 and all(re.match(r"head · \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text) for text in texts)
    assert not ui.inputsPlaceLabel.visible  # nobody said whose it is
    session.dialogs.answer(f"Take the result of {texts[1]} out of the scene?", "No")
    session.click(ui.removeResultButton)


def test_looking_at_another_patient_takes_ours_away_and_says_so(two: Any) -> None:
    ui = two.ui
    two.choose(ui.resultSelector, "Rosa")
    look_at(two.context, two.second)
    two.pump()
    assert foregrounds(two.context) == [None] * 3
    assert outlined_in(two.context, two.one) == [] == outlined_in(two.context, two.other)
    assert ui.notShownLabel.visible and "do not show the image" in ui.notShownLabel.text
    two.widget.exit()  # also while another module is open
    look_at(two.context, two.first)
    assert foregrounds(two.context) == [two.one.heatmapNode.GetID()] * 3
    look_at(two.context, two.second)
    assert foregrounds(two.context) == [None] * 3 and outlined_in(two.context, two.one) == []
    two.widget.enter()
    two.pump()
    assert backgrounds(two.context) == [two.second.GetID()] * 3 and ui.notShownLabel.visible
    two.click(ui.showResultButton)
    assert backgrounds(two.context) == [two.first.GetID()] * 3 and not ui.notShownLabel.visible


def test_display_acts_on_the_chosen_result_in_views_of_its_image(two: Any) -> None:
    ui = two.ui
    two.choose(ui.resultSelector, "Rosa")
    look_at(two.context, two.second)
    two.drag(ui.heatmapOpacity, 0.2)
    assert foregrounds(two.context) == [None] * 3
    two.click(ui.showSurface)
    assert two.one.segmentationNode.GetSegmentation().ContainsRepresentation("Closed surface")
    two.click(ui.showSegmentation)
    two.choose(ui.resultSelector, "Karl")
    assert not ui.showSegmentation.checked and outlined_in(two.context, two.other) == []
    assert not ui.showSurface.checked and not two.one.segmentationNode.GetDisplayVisibility()


def test_a_clicked_finding_brings_its_image(two: Any) -> None:
    ui = two.ui
    two.choose(ui.resultSelector, "Rosa")
    look_at(two.context, two.second)
    two.click_cell(ui.findingsTable, 0, 3)
    assert backgrounds(two.context) == [two.first.GetID()] * 3
    look_at(two.context, two.second)
    two.open(ui.slicesGroup)
    two.click_cell(ui.slicesTable, 5, 0)
    assert backgrounds(two.context) == [two.first.GetID()] * 3


def test_an_outline_is_edited_over_its_own_image(two: Any) -> None:
    ui = two.ui
    two.choose(ui.resultSelector, "Rosa")
    look_at(two.context, two.second)
    two.click(ui.editButton)
    assert backgrounds(two.context) == [two.first.GetID()] * 3 and outlined_in(two.context, two.one) == ALL


def test_a_sequence_that_stepped_on(two: Any) -> None:
    ui = two.ui
    two.choose(ui.resultSelector, "Rosa")
    step_to(two.first, 30)
    two.pump()
    assert foregrounds(two.context) == [None] * 3 and outlined_in(two.context, two.one) == []
    assert "time point" in ui.notShownLabel.text


def test_exported_files_name_the_patient_only_when_asked(two: Any, tmp_path: Path) -> None:
    ui = two.ui
    two.choose(ui.resultSelector, "Karl")
    two.open(ui.exportGroup)
    assert ui.exportPatient.enabled and not ui.exportPatient.checked
    folder = tmp_path / "exported"
    folder.mkdir()
    for asked in (False, True):
        two.dialogs.answer("Folder for the files", str(folder))
        if asked:
            two.click(ui.exportPatient)
            two.dialogs.answer("will be replaced", "Yes")
        two.click(ui.exportButton)
        files = {path.suffix for path in folder.iterdir() if b"Karl" in path.read_bytes()}
        assert files == ({".json", ".html"} if asked else set())


def test_without_a_patient_there_is_nobody_to_name(session: Any) -> None:
    add_result(session.context, add_image(session.context, "head", 90), LEFT)
    session.panel._results.reload()
    session.pump()
    session.open(session.ui.exportGroup)
    assert not session.ui.exportPatient.enabled


@pytest.fixture
def quick(more_models: Path, replayed_slab: None, session: Any) -> Any:
    """With a model that is done at once in the slab."""
    session.panel._model.reload("one")
    session.pump()
    return session


def test_a_run_that_ends_while_another_patient_is_shown_is_announced(quick: Any, tmp_path: Path) -> None:
    ui = quick.ui
    image = quick.load(write_slab(tmp_path / "slab.nii.gz"))
    put_under(quick.context, image, "Rosa", "Head")
    quick.click(ui.detectButton)
    other = add_image(quick.context, "next", 90, "Karl", "Head")
    look_at(quick.context, other)
    before = centers(quick.context)
    quick.wait_for_end()
    assert backgrounds(quick.context) == [other.GetID()] * 3 and foregrounds(quick.context) == [None] * 3
    assert np.array_equal(centers(quick.context), before) and outlined_in(quick.context, quick.result) == []
    assert "Rosa · Head · slab" in ui.runStatusLabel.text and ui.notShownLabel.visible
    quick.click(ui.showResultButton)
    assert backgrounds(quick.context) == [image.GetID()] * 3
    assert foregrounds(quick.context) == [quick.result.heatmapNode.GetID()] * 3


def test_the_result_being_read_stays_when_another_ends_out_of_sight(quick: Any, tmp_path: Path) -> None:
    ui = quick.ui
    image = quick.load(write_slab(tmp_path / "slab.nii.gz"))
    other = add_image(quick.context, "next", 90)
    shown = add_result(quick.context, other, LEFT)
    quick.panel._results.reload()
    quick.pump()
    quick.click(ui.showResultButton)
    assert ui.inputVolume1.currentNode() is image
    quick.click(ui.detectButton)
    quick.wait_for_end()
    assert quick.result.node is shown.node and ui.resultSelector.count == 2
    assert "slab" in ui.runStatusLabel.text and backgrounds(quick.context) == [other.GetID()] * 3
    quick.choose(ui.resultSelector, "slab")
    assert backgrounds(quick.context) == [image.GetID()] * 3


def test_a_run_that_ends_in_sight_is_shown_at_its_largest_finding(quick: Any, tmp_path: Path) -> None:
    image = quick.load(write_slab(tmp_path / "slab.nii.gz"))
    look_at(quick.context, image)
    result = quick.detect()
    assert foregrounds(quick.context) == [result.heatmapNode.GetID()] * 3 and outlined_in(quick.context, result) == ALL
    if result.detection.components:
        assert np.allclose(centers(quick.context), result.detection.components[0].peak_ras_mm, atol=1e-3)
    assert quick.ui.runStatusLabel.text == "Done."
    # By its own name, not that of the file it went through.
    assert result.detection.findings["input"]["files"] == {"flair": "slab"}


def test_another_time_points_result_is_not_replaced(quick: Any, tmp_path: Path) -> None:
    """Nor is what the run examined mistaken for what the volume holds when it ends."""
    image = quick.load(write_slab(tmp_path / "slab.nii.gz"))
    look_at(quick.context, image)
    then = image.GetImageData()
    quick.click(quick.ui.detectButton)
    later = brighter(then)
    image.SetAndObserveImageData(later)
    quick.wait_for_end()
    first = quick.result
    assert outlined_in(quick.context, first) == [] and "time point" in quick.ui.notShownLabel.text
    second = quick.detect()
    assert first.heatmapNode is not None and quick.ui.resultSelector.count == 2
    assert outlined_in(quick.context, first) == [] and outlined_in(quick.context, second) == ALL
    image.SetAndObserveImageData(then)
    third = quick.detect()
    assert first.heatmapNode is None and second.heatmapNode is not None and quick.ui.resultSelector.count == 2
    assert outlined_in(quick.context, second) == [] and outlined_in(quick.context, third) == ALL


def brighter(image: Any) -> Any:
    """Another time point's image."""
    import vtk

    from AnoFPDMSegmentLib.mrml.voxels import voxelsOf

    other = vtk.vtkImageData()
    other.DeepCopy(image)
    voxelsOf(other)[...] += 1
    return other
