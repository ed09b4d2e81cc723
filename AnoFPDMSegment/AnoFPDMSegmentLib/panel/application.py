"""Handing a result to other modules; runs in the application alone."""

from __future__ import annotations

from typing import Any

import slicer

from .dicom_requirements import missingForDicom


class ApplicationActions:
    """See `services.Application`."""

    def openSegmentEditor(self, segmentationNode: Any, volumeNode: Any) -> None:
        """Edit a segmentation over a volume in the Segment Editor module."""
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.SegmentEditorWidget.editor
        editor.setSegmentationNode(segmentationNode)
        editor.setSourceVolumeNode(volumeNode)

    def exportDicom(self, segmentationNode: Any) -> str:
        """Open Slicer's DICOM export with a segmentation selected, or say in a sentence what is missing for that."""
        missing = missingForDicom(segmentationNode)
        if not missing:
            hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
            dialog = slicer.qSlicerDICOMExportDialog(None)
            dialog.setMRMLScene(slicer.mrmlScene)
            dialog.execDialog(hierarchy.GetItemByDataNode(segmentationNode))
        return missing
