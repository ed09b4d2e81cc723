"""Export to DICOM: Slicer's dialog where it can write the segmentation, else a sentence that says what is missing."""

from __future__ import annotations

from typing import Any

import pytest
import slicer
import slicer_dicom
from made_results import made_result
from PySide6.QtWidgets import QApplication
from qt_application import DicomExportDialog
from tree_makers import keep_tree, put_in_study

from AnoFPDMSegmentLib.mrml.subject_hierarchy import putBeside

FILES = {"1.2.3": "/a.dcm", "1.2.4": "/b.dcm"}


@pytest.fixture
def shown(session: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A result on a series of a patient, in a Slicer with QuantitativeReporting."""
    DicomExportDialog.opened.clear()
    keep_tree(session.context)
    result = made_result(session.context, name="5: FLAIR")
    put_in_study(session.context, result.inputNode)
    putBeside(session.context, result.inputNode, [result.heatmapNode, result.segmentationNode])
    slicer.modules.dicomPlugins = slicer_dicom.WITH_SEGMENTATIONS
    monkeypatch.setattr(slicer, "dicomDatabase", slicer_dicom.Database(dict(FILES)), raising=False)
    session.panel._results.reload()
    session.pump()
    return session


def test_everything_is_there(shown: Any) -> None:
    cursors: list[Any] = []
    DicomExportDialog.onOpened = lambda: cursors.append(QApplication.overrideCursor())
    shown.click(shown.ui.dicomButton)
    DicomExportDialog.onOpened = lambda: None
    hierarchy = shown.context.subjectHierarchy
    item = hierarchy.GetItemByDataNode(shown.result.segmentationNode)
    assert DicomExportDialog.opened == [(shown.context.scene, item)]
    assert cursors == [None], "a wait cursor lies over the dialog"
    written = slicer_dicom.written_tags(slicer_dicom.SegmentationPlugin, item)
    assert written["SeriesDescription"] == "5: FLAIR anomaly segmentation, gate unknown, research use only"


def test_what_is_missing_is_said(shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the dialog, which would write the whole scene, stays closed."""
    hierarchy, result = shown.context.subjectHierarchy, shown.result
    item = hierarchy.GetItemByDataNode(result.segmentationNode)

    def asked(words: str) -> None:
        shown.dialogs.answer(words, "Ok")
        shown.click(shown.ui.dicomButton)

    del slicer.dicomDatabase.files["1.2.4"]
    asked("not in Slicer's DICOM database any more")
    result.inputNode.RemoveAttribute("DICOM.instanceUIDs")
    asked("5: FLAIR was not loaded from DICOM")
    monkeypatch.setattr(slicer.modules, "dicomPlugins", slicer_dicom.CORE)
    asked("QuantitativeReporting")
    hierarchy.SetItemParent(item, hierarchy.GetSceneItemID())
    asked("5: FLAIR belongs to no patient and study")
    monkeypatch.delattr(slicer.modules, "dicomPlugins")
    asked("built without DICOM")
    monkeypatch.setattr(slicer.modules, "dicomPlugins", slicer_dicom.WITH_SEGMENTATIONS, raising=False)
    monkeypatch.delattr(slicer, "qSlicerDICOMExportDialog")
    asked("built without DICOM")
    assert DicomExportDialog.opened == []


def test_the_examined_volume_is_gone(shown: Any) -> None:
    segmentation = shown.result.segmentationNode
    shown.context.removeNode(shown.result.inputNode)
    from AnoFPDMSegmentLib.panel.dicom_requirements import missingForDicom

    assert "was removed from the scene" in missingForDicom(segmentation)


def test_another_exporter_needs_no_dicom_images(shown: Any) -> None:
    """Such as SlicerRT's structure sets."""
    shown.result.inputNode.RemoveAttribute("DICOM.instanceUIDs")
    slicer.modules.dicomPlugins = {**slicer_dicom.WITH_SEGMENTATIONS, "Other": slicer_dicom.SegmentationPlugin}
    shown.click(shown.ui.dicomButton)
    assert len(DicomExportDialog.opened) == 1
