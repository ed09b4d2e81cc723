"""One slice's curves, as its method gives them: of AnoFPDM the divergence M_t, with the chosen end step t_e."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from anofpdm.app.findings_tables import slice_number

from .findings_table import createTable, fillTable

if TYPE_CHECKING:
    from anofpdm.methods.method import Curves
    from anofpdm.results.detection import Detection

    from .scene_context import SceneContext

_COLORS = ((0.85, 0.33, 0.10), (0.00, 0.45, 0.74), (0.47, 0.67, 0.19), (0.49, 0.18, 0.56))
_CHART, _PARTS = "divergenceChart", "divergenceChartParts"
"""Roles of the chart, and of its series and table, which are hidden and left when the user deletes it."""


def someCurves(detection: Detection) -> Curves | None:
    """Those of the first slice that has any; None if no slice has."""
    every = (detection.curves(row) for row in range(len(detection.case.evidence)))
    return next((curves for curves in every if curves is not None), None)


def findPlot(owner: Any) -> DivergencePlot | None:
    """The plot that `owner` (a node of the scene) refers to; None where there is none, or its chart was removed."""
    chart = owner.GetNodeReference(_CHART)
    return DivergencePlot(chart) if chart is not None else None


def plotNodes(owner: Any) -> list[Any]:
    """The nodes of that plot, or what is left of them."""
    plot = findPlot(owner)
    if plot is not None:
        return plot.nodes
    parts = [owner.GetNthNodeReference(_PARTS, n) for n in range(owner.GetNumberOfNodeReferences(_PARTS))]
    return [part for part in parts if part]


def addPlot(context: SceneContext, owner: Any, name: str, curves: Curves) -> DivergencePlot:
    """An empty plot for curves like these that `owner` refers to, in place of what is left of one."""
    for node in plotNodes(owner):
        context.removeNode(node)
    plot = DivergencePlot.create(context, name, curves)
    owner.SetNodeReferenceID(_CHART, plot.chart.GetID())
    owner.RemoveNodeReferenceIDs(_PARTS)
    for part in plot.nodes[1:]:
        owner.AddNodeReferenceID(_PARTS, part.GetID())
    return plot


class DivergencePlot:
    """A chart with a curve and a mark per modality, over a table of its own."""

    def __init__(self, chart: Any) -> None:
        self.chart = chart

    @classmethod
    def create(cls, context: SceneContext, name: str, curves: Curves) -> DivergencePlot:
        """Empty, for curves like these; `showSlice` fills it."""
        table = createTable(context, f"{name} table")
        table.SetHideFromEditors(True)
        chart = context.addNode("vtkMRMLPlotChartNode", name)
        chart.SetXAxisTitle(curves.x_title)
        chart.SetYAxisTitle(curves.y_title)
        # It would lie over the mark, which stands where the curve is highest.
        chart.SetLegendVisibility(False)
        for index, modality in enumerate(curves.lines):
            for mark in (False, True):
                title = f"{modality} {curves.mark_title}" if mark else modality
                series = context.addNode("vtkMRMLPlotSeriesNode", title, hidden=True)
                series.SetAndObserveTableNodeID(table.GetID())
                series.SetPlotType(series.PlotTypeScatter)
                series.SetXColumnName(curves.x_title)
                series.SetYColumnName(title)
                series.SetColor(*_COLORS[index % len(_COLORS)])
                series.SetLineStyle(series.LineStyleNone if mark else series.LineStyleSolid)
                series.SetMarkerStyle(series.MarkerStyleDiamond if mark else series.MarkerStyleNone)
                series.SetMarkerSize(12)
                chart.AddAndObservePlotSeriesNodeID(series.GetID())
        return cls(chart)

    @property
    def nodes(self) -> list[Any]:
        """Chart, series and table."""
        series = [self.chart.GetNthPlotSeriesNode(n) for n in range(self.chart.GetNumberOfPlotSeriesNodes())]
        tables = {node.GetTableNode().GetID(): node.GetTableNode() for node in series if node.GetTableNode()}
        return [self.chart, *series, *tables.values()]

    @property
    def colors(self) -> list[tuple[float, float, float]]:
        """Of each modality's curve and mark."""
        series = [self.chart.GetNthPlotSeriesNode(n) for n in range(0, self.chart.GetNumberOfPlotSeriesNodes(), 2)]
        return [tuple(each.GetColor()) for each in series]

    def showSlice(self, detection: Detection, index: int, levelS: float) -> Mapping[str, str]:
        """Plot slice `index` of the stack, which lies at `levelS` mm now; empty for one that was not examined.

        Returns what there is to say of the marks, by modality.
        """
        case = detection.case
        table = self.nodes[-1]
        level = f"Slice {slice_number(index)}, S {levelS:+.1f} mm"
        if not case.examined[index]:
            fillTable(table, [])
            self.chart.SetTitle(f"{level}: not examined ({case.not_examined_reason[index]})")
            return {}
        row = int(np.count_nonzero(case.examined[:index]))
        curves = detection.curves(row)
        if curves is None:
            fillTable(table, [])
            self.chart.SetTitle(f"{level}: no curves")
            return {}
        columns: list[Any] = [(curves.x_title, "float", curves.x.tolist())]
        for modality, line in curves.lines.items():
            mark: list[float | None] = [None] * len(line)
            mark[curves.marks[modality]] = float(line[curves.marks[modality]])
            columns.append((modality, "float", line.astype(float).tolist()))
            columns.append((f"{modality} {curves.mark_title}", "float", mark))
        fillTable(table, columns)
        self.chart.SetTitle(level)
        return curves.notes
