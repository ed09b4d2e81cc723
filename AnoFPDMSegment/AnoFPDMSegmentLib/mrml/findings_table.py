"""Table nodes in the scene, filled by columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import vtk

from anofpdm.app.findings_tables import Column

if TYPE_CHECKING:
    from .scene_context import SceneContext

_ARRAYS = {"int": vtk.vtkIntArray, "float": vtk.vtkDoubleArray, "text": vtk.vtkStringArray}


def createTable(context: SceneContext, name: str) -> Any:
    """An empty table node."""
    node = context.addNode("vtkMRMLTableNode", name)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    return node


def fillTable(node: Any, columns: Iterable[Column]) -> None:
    """Replace the table's content; everything that shows it updates once."""
    table = vtk.vtkTable()
    for title, kind, values in columns:
        array = _ARRAYS[kind]()
        array.SetName(title)
        array.SetNumberOfValues(len(values))
        for row, value in enumerate(values):
            array.SetValue(row, _cell(kind, value))
        table.AddColumn(array)
    node.SetAndObserveTable(table)


def _cell(kind: str, value: Any) -> Any:
    if kind == "text":
        return "" if value is None else str(value)
    if value is None:
        return float("nan")
    return value
