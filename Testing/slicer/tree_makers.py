"""The data tree as the application keeps it: an item for every node, a study of a patient."""

from __future__ import annotations

from typing import Any


def keep_tree(scene: Any) -> None:
    """From now on nodes get their items when they are added, as the application's plugin logic sees to it."""
    import vtk

    def added(_caller: Any, _event: str, node: Any) -> None:
        hierarchy = scene.subjectHierarchy
        shown = node.IsA("vtkMRMLDisplayableNode") or node.IsA("vtkMRMLTableNode")
        if shown and not node.GetHideFromEditors() and not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    added.CallDataType = vtk.VTK_OBJECT  # type: ignore[attr-defined]
    scene.scene.AddObserver(scene.scene.NodeAddedEvent, added)


def put_in_study(scene: Any, node: Any, number: str = "5") -> int:
    """As a DICOM series of a patient; returns the item of the study."""
    hierarchy = scene.subjectHierarchy
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Test^Patient")
    study = hierarchy.CreateStudyItem(patient, "MRI Brain (20240315)")
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(study, node)
    hierarchy.SetItemParent(item, study)
    hierarchy.SetItemAttribute(item, "DICOM.SeriesNumber", number)
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    return int(study)
