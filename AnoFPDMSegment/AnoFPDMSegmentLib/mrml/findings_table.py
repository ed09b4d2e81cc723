"""Tables of the findings: one row per component, one row per slice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import vtk

if TYPE_CHECKING:
    from .scene_context import SceneContext

Column = tuple[str, str, Sequence[Any]]
"""Title, kind ("int", "float" or "text") and values; None is an empty cell, or not a number."""
DECIDED_BY = {"map": "map statistic", "similarity": "similarity"}
"""What decides whether a slice is unhealthy: the one at or above its threshold, the other at or below."""
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


def componentColumns(components: Sequence[Mapping[str, Any]], accepted: Sequence[bool]) -> list[Column]:
    """Of the components of a findings document; `accepted`: the review of each."""
    return [
        ("Finding", "int", [entry["number"] for entry in components]),
        ("Level S [mm]", "float", [entry["centroid_ras_mm"][2] for entry in components]),
        ("Side", "text", [entry["side"] or "unknown" for entry in components]),
        ("Volume [mL]", "float", [entry["volume_ml"] for entry in components]),
        ("Longest diameter [mm]", "float", [entry["longest_diameter_mm"] for entry in components]),
        ("Mean score", "float", [entry["mean_score"] for entry in components]),
        ("Peak score", "float", [entry["peak_score"] for entry in components]),
        ("Accepted", "text", ["yes" if each else "no" for each in accepted]),
    ]


def sliceColumns(findings: Mapping[str, Any]) -> list[Column]:
    """Of the slices of a findings document, inferior to superior, numbered from 1."""
    slices, parameters = findings["slices"], findings["parameters"]
    # A method without a decision of its own takes a slice for unhealthy where something in it is marked.
    by = DECIDED_BY[parameters["decision"]] if parameters.get("decision") else "mask"
    decided = [by if entry["decision"] else "" for entry in slices]
    limits = [parameters.get("decision_threshold") if entry["decision"] else None for entry in slices]
    return [
        ("Slice", "int", [sliceNumber(entry["index"]) for entry in slices]),
        ("Level S [mm]", "float", [entry["level_ras_s_mm"] for entry in slices]),
        ("Decision", "text", [sliceDecision(entry) for entry in slices]),
        ("Decided by", "text", decided),
        ("Decision threshold", "float", limits),
        ("Similarity", "float", [entry["similarity"] for entry in slices]),
        ("Map statistic", "float", [entry["map_statistic"] for entry in slices]),
        ("Area [mm2]", "float", [entry["area_mm2"] if entry["examined"] else None for entry in slices]),
    ]


def sliceNumber(index: int) -> int:
    """What people call slice `index` of the stack."""
    return index + 1


def sliceDecision(entry: Mapping[str, Any]) -> str:
    """What is known about a slice: healthy, unhealthy, no decision, or why it was not examined."""
    if not entry["examined"]:
        return f"not examined: {entry['not_examined_reason']}"
    return entry["decision"] or "no decision"


def _cell(kind: str, value: Any) -> Any:
    if kind == "text":
        return "" if value is None else str(value)
    if value is None:
        return float("nan")
    return value
