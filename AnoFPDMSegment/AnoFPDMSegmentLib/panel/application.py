"""Handing a result to other modules; runs in the application alone."""

from __future__ import annotations

from typing import Any

import slicer


class ApplicationActions:
    """See `services.Application`."""

    def openSegmentEditor(self, segmentationNode: Any, volumeNode: Any) -> None:
        """Edit a segmentation over a volume in the Segment Editor module."""
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.SegmentEditorWidget.editor
        editor.setSegmentationNode(segmentationNode)
        editor.setSourceVolumeNode(volumeNode)

    def exportDicom(self, subjectHierarchyItem: int) -> None:
        """Open Slicer's DICOM export with an item selected; it needs a patient and a study above the item."""
        dialog = slicer.qSlicerDICOMExportDialog(None)
        dialog.setMRMLScene(slicer.mrmlScene)
        dialog.execDialog(subjectHierarchyItem)
