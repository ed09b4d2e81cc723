"""What Slicer's DICOM export needs to write a segmentation; runs in the application alone.

Where nothing can write it, Slicer's dialog offers to write the whole scene instead, and reports that as a success.
"""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

_WHOLE_SCENE = "DICOMSlicerDataBundlePlugin"
_SEGMENTATION_OBJECT = "DICOMSegmentationPlugin"
"""Of the extension QuantitativeReporting, from Slicer 5.12 on of Slicer itself."""


def missingForDicom(segmentationNode: Any) -> str:
    """What is missing to write a segmentation as DICOM, in a sentence; empty if nothing is."""
    if not hasattr(slicer, "qSlicerDICOMExportDialog") or not hasattr(slicer.modules, "dicomPlugins"):
        return _("This Slicer was built without DICOM; write the segmentation as a file instead.")
    volume = segmentationNode.GetNodeReference(segmentationNode.GetReferenceImageGeometryReferenceRole())
    if volume is None:
        return _("The examined volume was removed from the scene; load it and detect again to write DICOM.")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(segmentationNode)
    if not item or not _belongsToPatient(hierarchy, item):
        text = _(
            "{volume} belongs to no patient and study in the data tree, so it cannot become DICOM: load the "
            "examination from DICOM, or write the segmentation as a file."
        )
        return text.format(volume=volume.GetName())
    exporters = _exportersOf(item)
    if not exporters:
        return _(
            "Nothing in this Slicer writes segmentations as DICOM: add the extension QuantitativeReporting in the "
            "Extensions Manager and restart Slicer."
        )
    if exporters == [_SEGMENTATION_OBJECT]:
        return _missingImages(volume)
    return ""


def _belongsToPatient(hierarchy: Any, item: int) -> bool:
    """Directly under a study, and that under a patient, as Slicer's dialog wants it."""
    levels = slicer.vtkMRMLSubjectHierarchyConstants
    study = hierarchy.GetItemParent(item)
    return bool(
        study
        and hierarchy.IsItemLevel(study, levels.GetDICOMLevelStudy())
        and hierarchy.IsItemLevel(hierarchy.GetItemParent(study), levels.GetDICOMLevelPatient())
    )


def _exportersOf(item: int) -> list[str]:
    """The plugins that offer to write this item by itself; asked as Slicer's dialog asks them."""
    found = []
    for name, plugin in slicer.modules.dicomPlugins.items():
        if name == _WHOLE_SCENE:
            continue
        try:
            offers = bool(plugin().examineForExport(item))
        except Exception:  # noqa: BLE001 - of whatever extension; the dialog does without it, too
            offers = False
        if offers:
            found.append(name)
    return found


def _missingImages(volume: Any) -> str:
    """A DICOM segmentation object refers to the images it was made on, whose files are read again."""
    instances = (volume.GetAttribute("DICOM.instanceUIDs") or "").split()
    if not instances:
        text = _(
            "{volume} was not loaded from DICOM, so there are no images that a DICOM segmentation could refer to: load "
            "the examination from DICOM, or write the segmentation as a file."
        )
        return text.format(volume=volume.GetName())
    database = getattr(slicer, "dicomDatabase", None)
    if database is None or not all(database.fileForInstance(instance) for instance in instances):
        text = _("The images of {volume} are not in Slicer's DICOM database any more; import them again.")
        return text.format(volume=volume.GetName())
    return ""
