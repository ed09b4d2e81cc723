"""The subject hierarchy: whose a volume is, and the place of results beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import slicer

from .dicom_series import describeSeries

if TYPE_CHECKING:
    from .scene_context import SceneContext


@dataclass(frozen=True)
class Place:
    """Whose a node is; empty where the hierarchy does not say."""

    patient: str = ""
    study: str = ""


def placeOf(context: SceneContext, node: Any) -> Place:
    """Patient and study above a node, as the tree shows them."""
    hierarchy = context.subjectHierarchy
    item = hierarchy.GetItemByDataNode(node) if node is not None else 0
    levels = slicer.vtkMRMLSubjectHierarchyConstants
    above = (levels.GetDICOMLevelPatient(), levels.GetDICOMLevelStudy())
    found = [hierarchy.GetItemAncestorAtLevel(item, level) if item else 0 for level in above]
    return Place(*(hierarchy.GetItemName(each) if each else "" for each in found))


def putBeside(context: SceneContext, inputNode: Any, nodes: Iterable[Any]) -> None:
    """Under the parent of the input, described as DICOM series.

    Without the application nodes have no items; then nothing is done.
    """
    nodes = list(nodes)
    hierarchy = context.subjectHierarchy
    inputItem = hierarchy.GetItemByDataNode(inputNode) if inputNode else 0
    if not inputItem:
        return
    parent = hierarchy.GetItemParent(inputItem)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if item and parent:
            hierarchy.SetItemParent(item, parent)
    describeSeries(context, inputNode, nodes)
