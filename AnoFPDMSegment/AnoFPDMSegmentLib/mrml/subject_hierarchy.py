"""The place of results in the subject hierarchy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .dicom_series import describeSeries

if TYPE_CHECKING:
    from .scene_context import SceneContext


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
