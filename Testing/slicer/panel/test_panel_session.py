"""A whole session by clicks, with a real worker and the bundled model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import slicer.util
from panel_session import slider_of
from scene_makers import LESION, SAMPLE, load_volume


def test_whole_session(session: Any, tmp_path: Path) -> None:
    """Load, detect, sliders, finding, edit, export, save, close, reopen."""
    ui = session.ui
    assert not ui.detectButton.enabled
    assert ui.detectButton.toolTip == "FLAIR: select a volume."

    volume = session.load(SAMPLE)
    assert ui.inputVolume1.currentNode() is volume  # the only volume of a model of one modality
    assert ui.presetSelector.currentText == "Balanced"
    assert "28 slices; how long they take is known after a first run" in ui.presetSelector.toolTip
    _detect(session)
    assert ui.presetSelector.currentText.startswith("Balanced (about ")
    _check_result(session)
    _slide(session)
    _review(session)
    _edit(session)
    _export(session, tmp_path / "exported")
    _save_and_reopen(session, tmp_path / "case.mrb")


def _detect(session: Any) -> None:
    ui, said, widths = session.ui, set(), []
    session.click(ui.detectButton)
    assert ui.detectButton.text == "Cancel"

    def over() -> bool:
        said.add(ui.runStatusLabel.text)
        widths.append(ui.progressBar.value)
        return not session.panel.state.busy

    session.wait(over, "the run is over")
    assert session.result is not None, f"{ui.runStatusLabel.text}\n{ui.logText.plainText}"
    assert any(" of 28 slices" in text and " left" in text for text in said), said
    assert widths[:-1] == sorted(widths[:-1]) and widths[-2] > 500
    assert ui.runStatusLabel.text == "Done." and ui.detectButton.text == "Detect anomalies"
    assert not ui.progressBar.visible


def _check_result(session: Any) -> None:
    ui, result = session.ui, session.result
    assert ui.resultArea.visible and ui.findingsTable.visible and ui.exportButton.visible
    assert ui.summaryLabel.text == result.detection.findings["summary"]
    assert "demonstration" in ui.warningsLabel.text
    lesion = slicer.util.arrayFromVolume(load_volume(session.context, LESION)) > 0
    found = slicer.util.arrayFromVolume(result.heatmapNode) >= 1
    assert 2 * (lesion & found).sum() / (lesion.sum() + found.sum()) > 0.5
    composites = session.context.nodes("vtkMRMLSliceCompositeNode")
    assert len(composites) == 3
    for composite in composites:
        assert composite.GetBackgroundVolumeID() == result.inputNode.GetID()
        assert composite.GetForegroundVolumeID() == result.heatmapNode.GetID()
        assert composite.GetForegroundOpacity() == 0.6


def _slide(session: Any) -> None:
    """While dragging only the slices in view follow; on release everything does."""
    ui, result = session.ui, session.result
    session.click_cell(ui.findingsTable, 0, 2)
    before = slicer.util.arrayFromVolume(result.heatmapNode).copy()
    summary = ui.summaryLabel.text
    move = session.press(slider_of("guidance"))
    move(2.0)
    dragged = slicer.util.arrayFromVolume(result.heatmapNode).copy()
    assert not np.array_equal(dragged, before)
    assert ui.summaryLabel.text == summary and result.settings.guidance is None
    session.release(slider_of("guidance"))
    assert abs(result.settings.guidance - 2.0) < 0.1
    released = slicer.util.arrayFromVolume(result.heatmapNode)
    assert not np.array_equal(released, dragged)
    assert np.array_equal(released, result.detection.score)
    assert ui.summaryLabel.text == result.detection.findings["summary"] != summary


def _review(session: Any) -> None:
    ui, result = session.ui, session.result
    session.click_cell(ui.findingsTable, 0, 2)
    peak = result.detection.components[0].peak_ras_mm
    for node in session.context.nodes("vtkMRMLSliceNode"):
        matrix = node.GetSliceToRAS()
        assert np.allclose([matrix.GetElement(row, 3) for row in range(3)], peak, atol=1e-3)
    assert _voxels(result) > 0
    session.click_cell(ui.findingsTable, 0, 0, offset=12)
    assert result.accepted[0] is False and _voxels(result) == 0
    assert ui.findingsTotalLabel.text.startswith("0 of 1 findings accepted")
    session.click(ui.acceptAllButton)
    assert result.accepted == [True] and _voxels(result) > 0


def _edit(session: Any) -> None:
    """An edited segmentation stays as it is; the slider asks, and goes on with another."""
    result = session.result
    edited = result.segmentationNode
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(edited, "Anomaly", result.inputNode)
    mask[2:4, 30:60, 30:60] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, edited, "Anomaly", result.inputNode)
    assert result.wasEdited
    session.dialogs.answer("edited by hand", "Another segmentation")
    session.drag(slider_of("guidance"), 20.0, 12.0)
    assert result.segmentationNode is not edited and not result.wasEdited
    kept = slicer.util.arrayFromSegmentBinaryLabelmap(edited, "Anomaly", result.inputNode)
    assert np.array_equal(kept, mask)
    session.drag(slider_of("guidance"), 16.0)  # nothing edited any more: no question


def _export(session: Any, folder: Path) -> None:
    ui = session.ui
    folder.mkdir()
    session.open(ui.exportGroup)
    for check in (ui.exportLabelmap, ui.exportSurface):
        session.click(check)
    session.dialogs.answer("getExistingDirectory: Folder for the files", str(folder))
    session.click(ui.exportButton)
    endings = sorted("".join(path.suffixes) for path in folder.iterdir())
    assert endings == [".csv", ".csv", ".html", ".json", ".nii.gz", ".nrrd", ".seg.nrrd", ".stl"]
    assert all(path.stat().st_size > 0 for path in folder.iterdir())
    assert all(path.name in ui.exportStatusLabel.toolTip for path in folder.iterdir())
    session.dialogs.answer("getExistingDirectory: Folder for the files", str(folder))
    session.dialogs.answer("will be replaced", "No")
    session.click(ui.exportButton)
    assert ui.exportStatusLabel.text == ""


def _save_and_reopen(session: Any, path: Path) -> None:
    ui, scene = session.ui, session.context.scene
    guidance = session.result.settings.guidance
    summary = ui.summaryLabel.text
    assert scene.WriteToMRB(str(path))
    scene.Clear(False)
    session.pump()
    assert session.result is None and not ui.resultArea.visible and not ui.detectButton.enabled

    assert scene.ReadFromMRB(str(path), False)
    session.pump()
    assert session.result is not None
    assert ui.inputVolume1.currentNode() is session.result.inputNode
    assert ui.summaryLabel.text == summary
    assert abs(slider_of("guidance").value - guidance) < 0.1
    session.drag(slider_of("guidance"), 30.0)
    assert session.result.settings.guidance == 30.0
    assert ui.summaryLabel.text != summary


def _voxels(result: Any) -> int:
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, "Anomaly", result.inputNode)
    return int((mask > 0).sum())
