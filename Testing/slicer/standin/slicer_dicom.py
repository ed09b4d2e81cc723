"""Slicer's DICOM export as far as the module meets it: plugins, tags, database.

As read in Slicer main of 2026: Modules/Scripted/DICOMLib/Widgets/qSlicerDICOMExportDialog.cxx (which plugins are
asked) and qSlicerDICOMTagEditorWidget.cxx (which tags are taken from the tree), Modules/Scripted/DICOMPlugins/
DICOMScalarVolumePlugin.py and DICOMSegmentationPlugin.py (also of QuantitativeReporting).
"""

from __future__ import annotations

from typing import Any

import slicer


class Exportable:
    """Modules/Scripted/DICOMLib/Widgets/qSlicerDICOMExportable.h"""

    subjectHierarchyItemID: int  # noqa: N815
    tags: dict[str, str]

    def __init__(self, item: int, **tags: str) -> None:
        self.subjectHierarchyItemID = item
        self.tags = tags


class ScalarVolumePlugin:
    """Offers every scalar volume."""

    def examineForExport(self, item: int) -> list[Exportable]:  # noqa: N802
        if not _data_node(item).IsA("vtkMRMLScalarVolumeNode"):
            return []
        return [Exportable(item, SeriesDescription="No series description", Modality="CT", SeriesNumber="1")]


class SegmentationPlugin:
    """Offers every segmentation, also where it will not be able to write it."""

    def examineForExport(self, item: int) -> list[Exportable]:  # noqa: N802
        node = _data_node(item)
        if not node.IsA("vtkMRMLSegmentationNode"):
            return []
        return [Exportable(item, Modality="SEG", SeriesDescription=node.GetName(), SeriesNumber="100")]


class SceneBundlePlugin:
    """Offers the whole scene, whatever is selected."""

    def examineForExport(self, item: int) -> list[Exportable]:  # noqa: N802
        return [Exportable(item, Modality="OT", SeriesDescription="Slicer Data Bundle", SeriesNumber="1")]


class BrokenPlugin:
    """Of an extension for another version."""

    def examineForExport(self, item: int) -> list[Exportable]:  # noqa: N802
        raise AttributeError("tags")


CORE = {
    "DICOMScalarVolumePlugin": ScalarVolumePlugin,
    "DICOMSlicerDataBundlePlugin": SceneBundlePlugin,
    "DICOMDiffusionVolumePlugin": BrokenPlugin,
}
"""`slicer.modules.dicomPlugins` of 5.10 without extensions."""
WITH_SEGMENTATIONS = {**CORE, "DICOMSegmentationPlugin": SegmentationPlugin}
"""The same with QuantitativeReporting."""


class Database:
    """CTK/Libs/DICOM/Core/ctkDICOMDatabase.h"""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def fileForInstance(self, instance: str) -> str:  # noqa: N802
        return self.files.get(instance, "")


def written_tags(plugin: Any, item: int) -> dict[str, str]:
    """What a plugin would write: the series item's own tags go before its defaults."""
    (exportable,) = plugin().examineForExport(item)
    hierarchy = _hierarchy()
    for tag in exportable.tags:
        if hierarchy.HasItemAttribute(item, f"DICOM.{tag}"):
            exportable.tags[tag] = hierarchy.GetItemAttribute(item, f"DICOM.{tag}")
    return dict(exportable.tags)


def _hierarchy() -> Any:
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)


def _data_node(item: int) -> Any:
    return _hierarchy().GetItemDataNode(item)
