"""The shown result: its settings, findings, slices and display, on results whose evidence is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer.util
from evidence_makers import BANK
from made_results import current_mask, made_result, paint
from panel_session import knob_row, slider_of
from scene_makers import add_transform

from AnoFPDMSegmentLib.mrml.voxels import matrixOfArray


@pytest.fixture
def shown(session: Any) -> Any:
    """A result with two findings, not calibrated."""
    return _show(session, made_result(session.context))


def _show(session: Any, result: Any) -> Any:
    session.panel._results.reload()
    session.pump()
    assert session.result.node is result.node
    session.click(session.ui.showResultButton)
    groups = (session.ui.slicesGroup, session.ui.plotGroup, session.ui.displayGroup, session.ui.resultGroup)
    session.open(*groups)
    return session


def test_threshold_of_all_kinds(shown: Any) -> None:
    ui = shown.ui
    # Without calibration there are only the manual ones.
    assert [knob_row("threshold").more.itemText(n) for n in range(knob_row("threshold").more.count)] == [
        "Manual: quantile of the map",
        "Manual: value of the map",
    ]
    assert knob_row("threshold").more.currentText == "Manual: value of the map"
    assert abs(slider_of("threshold").value - 0.5) < 1e-6 and slider_of("threshold").visible
    volume = _volume(shown)
    shown.drag(slider_of("threshold"), 0.8)
    assert abs(shown.result.settings.threshold.number - 0.8) < 0.01
    assert _volume(shown) < volume
    shown.choose(knob_row("threshold").more, "quantile")
    assert str(shown.result.settings.threshold) == "quantile=0.98"
    assert slider_of("threshold").value == 0.98 and slider_of("threshold").maximum == 0.9999
    assert not ui.asCalibratedButton.enabled


def test_calibrated_result_begins_as_calibrated(session: Any, detection: Any) -> None:
    from scene_makers import SAMPLE

    from AnoFPDMSegmentLib.mrml.result import Result

    _show(session, Result.create(session.context, session.load(SAMPLE), detection))
    ui = session.ui
    assert knob_row("threshold").more.currentText == "As calibrated (from healthy slices)"
    assert slider_of("threshold").visible and not knob_row("threshold").reset.enabled
    assert knob_row("minimum_size").note.visible
    assert knob_row("minimum_size").note.text == "as the model says: more than 2 of its pixels in a slice"
    assert (slider_of("guidance").minimum, slider_of("guidance").maximum, slider_of("guidance").value) == (
        0.0,
        30.0,
        30.0,
    )
    session.choose(knob_row("threshold").more, "Dynamic (Algorithm 1)")
    assert session.result.detection.answer.choices.threshold.kind == "dynamic"
    session.choose(knob_row("threshold").more, "value of the map")
    # It begins where the slices are, so that nothing jumps.
    typical = float(np.median(session.result.detection.answer.threshold))
    assert slider_of("threshold").visible and abs(slider_of("threshold").value - typical) < 1e-3 * typical
    assert slider_of("threshold").maximum > 2 * typical
    session.drag(slider_of("guidance"), 4.0)
    session.choose(knob_row("ungated").widget, "Shown")
    assert session.result.settings.ungated
    session.drag(slider_of("minimum_size"), 500.0)
    assert not knob_row("minimum_size").note.visible and session.result.settings.minimum_size.mm3 == 500.0
    session.click(ui.asCalibratedButton)
    assert session.result.settings == type(session.result.settings)()
    assert slider_of("guidance").value == 30.0 and knob_row("ungated").widget.currentText == "Left out"
    assert knob_row("threshold").more.currentText.startswith("As calibrated")


def test_minimum_size_drops_the_smaller_finding(shown: Any) -> None:
    ui = shown.ui
    assert not knob_row("minimum_size").note.visible  # these settings have a size of their own
    sizes = [1000 * component["volume_ml"] for component in shown.result.detection.findings["components"]]
    assert ui.findingsTable.rowCount == 2 and sizes[1] < 5000 < sizes[0] * 2
    slider_of("minimum_size").maximum = 2 * sizes[0]
    shown.drag(slider_of("minimum_size"), sizes[1] + 500)
    assert ui.findingsTable.rowCount == 1
    assert ui.findingsTotalLabel.text.startswith("1 finding, ")


def test_guidance_snaps_where_evidence_is_a_bank(session: Any) -> None:
    shown = _show(session, made_result(session.context, point=BANK))
    slider = slider_of("guidance")
    assert (slider.minimum, slider.maximum) == (0.0, 8.0)
    shown.drag(slider, 3.0, 6.3)
    assert shown.result.settings.guidance == 8.0 and slider.value == 8.0
    shown.drag(slider, 0.6)
    assert shown.result.settings.guidance == 0.0 and slider.value == 0.0


def test_typing_into_the_spin_box_is_a_release(shown: Any) -> None:
    slider_of("guidance").value = 3.5
    shown.pump()
    assert shown.result.settings.guidance == 3.5


def test_dragging_computes_once_for_many_movements(shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    preview = shown.result.preview
    monkeypatch.setattr(shown.result, "preview", lambda settings: (asked.append(settings.guidance), preview(settings)))
    inner = slider_of("guidance")._qt._slider
    inner.setSliderDown(True)
    for position in range(0, 60, 3):
        inner.setSliderPosition(position)
    shown.pump()
    assert len(asked) == 1 and abs(asked[0] - slider_of("guidance")._qt._box.value()) < 1e-9
    inner.setSliderDown(False)


def test_a_slider_dragged_back_shows_what_was_there(shown: Any) -> None:
    """It tells no release then: nothing has changed for it."""
    result, slider = shown.result, slider_of("guidance")
    before = slicer.util.arrayFromVolume(result.heatmapNode).copy()
    display = result.segmentationNode.GetDisplayNode()
    start = slider.value
    move = shown.press(slider)
    move(9.0)
    assert not display.GetVisibility() and not np.array_equal(slicer.util.arrayFromVolume(result.heatmapNode), before)
    move(start)
    shown.release(slider)
    assert display.GetVisibility() and np.array_equal(slicer.util.arrayFromVolume(result.heatmapNode), before)


def test_sliders_have_decimals_of_their_own(shown: Any) -> None:
    """CTK's siblings would take each other's."""
    ui = shown.ui
    assert (slider_of("guidance").decimals, slider_of("threshold").decimals, slider_of("minimum_size").decimals) == (
        2,
        4,
        0,
    )
    assert (ui.heatmapOpacity.decimals, ui.heatmapFrom.decimals) == (2, 2)


@pytest.mark.parametrize("answer", ["Another segmentation", "Keep the edited one", "Discard the edits"])
def test_edited_segmentations_are_asked_about(shown: Any, answer: str) -> None:
    result = shown.result
    box = (slice(2, 4), slice(5, 15), slice(5, 15))
    paint(result, box)
    before, node = current_mask(result), result.segmentationNode
    shown.dialogs.answer("edited by hand", answer)
    shown.drag(slider_of("threshold"), 0.8)
    assert (result.segmentationNode is node) == (answer != "Another segmentation")
    if answer == "Keep the edited one":
        assert np.array_equal(current_mask(result), before)
        shown.drag(slider_of("threshold"), 0.7)  # not asked again
        assert np.array_equal(current_mask(result), before)
    else:
        assert np.array_equal(current_mask(result), result.detection.mask)


def test_findings_are_accepted_and_rejected_one_by_one(shown: Any) -> None:
    ui, result = shown.ui, shown.result
    assert [row[0] for row in shown.cells(ui.findingsTable)] == ["1", "2"]
    assert [row[1] for row in shown.cells(ui.findingsTable)] == ["right, upper third", "left, middle third"]
    voxels = current_mask(result).sum()
    shown.click_cell(ui.findingsTable, 1, 0, offset=12)
    assert result.accepted == [True, False]
    assert current_mask(result).sum() < voxels
    assert ui.findingsTotalLabel.text.startswith("1 of 2 findings accepted")
    assert ui.acceptAllButton.enabled
    shown.click(ui.rejectAllButton)
    assert result.accepted == [False, False] and not current_mask(result).any()
    assert not ui.rejectAllButton.enabled
    shown.click(ui.acceptAllButton)
    assert current_mask(result).sum() == voxels


def test_a_click_on_a_finding_or_a_slice_moves_the_views(shown: Any) -> None:
    ui, result = shown.ui, shown.result
    shown.click_cell(ui.findingsTable, 1, 3)
    assert np.allclose(_center(shown, "Yellow"), result.detection.components[1].peak_ras_mm, atol=1e-3)
    shown.click_cell(ui.slicesTable, 4, 0)
    level = result.detection.findings["slices"][4]["level_ras_s_mm"]
    assert abs(_center(shown, "Red")[2] - level) < 1e-3


def test_slices_not_examined_are_told_apart(shown: Any) -> None:
    ui = shown.ui
    cells = shown.cells(ui.slicesTable)
    assert [row[0] for row in cells] == [str(number) for number in range(1, len(cells) + 1)]
    decisions = [row[2] for row in cells]
    examined = shown.result.case.examined
    assert not examined.all() and len(decisions) == len(examined)
    for decision, each in zip(decisions, examined, strict=True):
        assert decision == ("no decision" if each else "not examined: no head in this slice")
    totals = shown.result.detection.findings["totals"]
    assert f"{totals['slices_not_examined']} not examined" in ui.slicesTotalLabel.text


def test_plot_and_table_follow_the_axial_view(shown: Any) -> None:
    ui, result = shown.ui, shown.result
    red = next(node for node in shown.context.nodes("vtkMRMLSliceNode") if node.GetLayoutName() == "Red")
    levels = result.case.grid.ras_s
    examined = int(np.flatnonzero(result.case.examined)[3])
    red.SetSliceOffset(float(levels[examined]))
    shown.pump()
    assert ui.slicesTable.currentRow() == examined
    chart = ui.divergencePlot.mrmlPlotViewNode().GetPlotChartNode()
    assert chart.GetTitle() == f"Slice {examined + 1}, S {levels[examined]:+.1f} mm"
    assert ui.plotLabel.text == "FLAIR: end step 4, noise level 300"
    red.SetSliceOffset(float(levels[0]))
    shown.pump()
    assert not result.case.examined[0] and ui.plotLabel.text == "Not examined: no head in this slice."
    red.SetSliceOffset(float(levels[-1]) + 500)
    shown.pump()
    assert ui.plotLabel.text == "The axial view stands outside the examined stack."
    assert not ui.divergencePlot.mrmlPlotViewNode().GetSaveWithScene()


def test_levels_are_those_of_the_views_under_a_transform(shown: Any) -> None:
    """Which may come, change and go after the detection."""
    ui, result = shown.ui, shown.result

    def check(up: float) -> None:
        shown.pump()
        component = result.detection.findings["components"][0]
        tip = ui.findingsTable.item(0, 1).toolTip()
        assert tip.endswith(f"center at S {component['centroid_ras_mm'][2] + up:+.1f} mm")
        levels = [row[1] for row in shown.cells(ui.slicesTable)]
        assert levels == [f"S {level + up:+.1f}" for level in result.case.grid.ras_s]
        shown.click_cell(ui.slicesTable, 4, 0)
        shown.pump()
        assert f"S {_center(shown, 'Red')[2]:+.1f}" == levels[4]
        assert ui.divergencePlot.mrmlPlotViewNode().GetPlotChartNode().GetTitle().startswith(f"Slice 5, {levels[4]} mm")

    check(0.0)
    transform = add_transform(shown.context, _raised(25.0), *[result.inputNode, *result.volumeNodes])
    check(25.0)
    transform.SetMatrixTransformToParent(matrixOfArray(_raised(-40.0)))
    check(-40.0)
    for node in [result.inputNode, *result.volumeNodes]:
        node.SetAndObserveTransformNodeID(None)
    check(0.0)


def _raised(up: float) -> Any:
    matrix = np.eye(4)
    matrix[2, 3] = up
    return matrix


def test_the_key_to_the_plot_stands_beside_it(session: Any) -> None:
    """In the plot it would cover the mark of the end step."""
    shown = _show(session, made_result(session.context, modalities=("flair", "t2")))
    red = next(node for node in shown.context.nodes("vtkMRMLSliceNode") if node.GetLayoutName() == "Red")
    red.SetSliceOffset(float(shown.result.case.grid.ras_s[int(np.flatnonzero(shown.result.case.examined)[3])]))
    shown.pump()
    chart = shown.ui.divergencePlot.mrmlPlotViewNode().GetPlotChartNode()
    assert not chart.GetLegendVisibility()
    for number, name in ((0, "FLAIR"), (2, "T2")):
        color = [round(255 * part) for part in chart.GetNthPlotSeriesNode(number).GetColor()]
        key = "<span style='color:#{:02x}{:02x}{:02x}'>■</span> {}: end step 4, noise level 300"
        assert key.format(*color, name) in shown.ui.plotLabel.text


def test_what_decides_a_slice_is_said(session: Any, detection: Any) -> None:
    from scene_makers import SAMPLE

    from AnoFPDMSegmentLib.mrml.result import Result

    _show(session, Result.create(session.context, session.load(SAMPLE), detection))
    choices = detection.answer.choices
    sign, name = {"map": ("≥", "map statistic"), "similarity": ("≤", "similarity")}[choices.decision]
    expected = f"A slice is unhealthy where its {name} is {sign} {choices.decision_threshold:.4g}."
    assert expected in session.ui.slicesTotalLabel.text


def test_display(shown: Any) -> None:
    import qt

    ui, result = shown.ui, shown.result
    composite = shown.context.nodes("vtkMRMLSliceCompositeNode")[0]
    shown.click(ui.showHeatmap)
    assert composite.GetForegroundVolumeID() is None and not ui.heatmapOpacity.enabled
    shown.click(ui.showHeatmap)
    shown.drag(ui.heatmapOpacity, 0.3)
    assert composite.GetForegroundVolumeID() == result.heatmapNode.GetID()
    assert abs(composite.GetForegroundOpacity() - 0.3) < 0.01
    shown.drag(ui.heatmapFrom, 2.5)
    assert abs(result.heatmapNode.GetDisplayNode().GetLowerThreshold() - 2.5) < 0.02
    assert ui.heatmapColors.currentNode().GetName() == "AnoFPDM heat"
    ui.heatmapColors.setCurrentNode(slicer.util.getFirstNodeByName("Iron"))
    assert result.heatmapNode.GetDisplayNode().GetColorNode().GetName() == "Iron"
    shown.click(ui.showHealthyPrediction)
    assert composite.GetForegroundVolumeID() == result.healthyPredictionNode.GetID()
    shown.click(ui.showHealthyPrediction)
    shown.click(ui.showSegmentation)
    assert not result.segmentationNode.GetDisplayNode().GetVisibility2D()
    ui.segmentColor.color = qt.QColor(255, 0, 0)
    assert result.segmentationNode.GetSegmentation().GetSegment("Anomaly").GetColor() == (1.0, 0.0, 0.0)
    shown.click(ui.showSurface)
    segmentation = result.segmentationNode.GetSegmentation()
    assert segmentation.ContainsRepresentation("Closed surface")
    shown.click(ui.showSurface)
    assert not segmentation.ContainsRepresentation("Closed surface")


def test_several_results(shown: Any) -> None:
    ui, first = shown.ui, shown.result
    second = made_result(shown.context, name="other head")
    shown.panel._results.reload()
    assert shown.result is first  # what was looked at stays
    assert [ui.resultSelector.itemText(n) for n in (0, 1)] == ["head", "other head"]
    shown.choose(ui.resultSelector, "other head")
    assert shown.result.node is second.node
    shown.dialogs.answer("Take the result of other head out", "Yes")
    shown.click(ui.removeResultButton)
    assert shown.result is first and ui.resultSelector.count == 1
    shown.dialogs.answer("Take the result of head out", "No")
    shown.click(ui.removeResultButton)
    assert shown.result is first


def test_segmentation_removed_by_the_user(shown: Any) -> None:
    """Settings make another; files of the segmentation are refused with a sentence until then."""
    ui, result = shown.ui, shown.result
    shown.context.removeNode(result.segmentationNode)
    shown.pump()
    for widget in (ui.editButton, ui.dicomButton, ui.showSurface, ui.showSegmentation, ui.segmentColor):
        assert not widget.enabled
    shown.drag(slider_of("threshold"), 0.6)
    assert result.segmentationNode is not None and ui.editButton.enabled


def test_heatmap_removed_by_the_user(shown: Any) -> None:
    """The result is no longer one; nothing of the panel leans on it."""
    shown.context.removeNode(shown.result.heatmapNode)
    shown.pump()
    assert shown.result is None and not shown.ui.resultArea.visible and not shown.ui.findingsTable.visible


def test_handed_to_the_segment_editor(shown: Any) -> None:
    ui, result = shown.ui, shown.result
    shown.click(ui.editButton)
    assert slicer.modules.opened == ["SegmentEditor"]
    editor = slicer.modules.SegmentEditorWidget.editor
    assert editor.segmentation is result.segmentationNode and editor.source is result.inputNode


def _volume(session: Any) -> float:
    return float(session.result.detection.findings["totals"]["volume_ml"])


def _center(session: Any, layout: str) -> list[float]:
    node = next(node for node in session.context.nodes("vtkMRMLSliceNode") if node.GetLayoutName() == layout)
    return [node.GetSliceToRAS().GetElement(row, 3) for row in range(3)]


def test_a_side_that_is_not_known_is_said_to_be_so(session: Any) -> None:
    shown = _show(session, made_result(session.context, side_known=False))
    assert [row[1] for row in shown.cells(shown.ui.findingsTable)] == ["upper third", "middle third"]
