"""The slices of the shown result: decisions, and the divergence of the slice in view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from anofpdm.app.findings_tables import slice_decision, slice_number

from ..mrml.divergence_plot import someCurves
from ..mrml.observers import Observers
from ..mrml.result_display import ResultDisplay
from .services import PanelServices
from .state import PanelState
from .tables import cell, fillTable, prepareTable
from .widgets import Later, quiet, waiting

PLOT_VIEW = "AnoFPDMDivergence"


class SlicesSection:
    """Follows the axial slice view; a click in the table moves all views."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState, display: ResultDisplay) -> None:
        self._ui = ui
        self._context = services.context
        self._state = state
        self._display = display
        self._sliceNode: Any = None
        self._observers = Observers()
        self._index: int | None = None
        self._columns: list[Any] | None = None
        self._follow = Later(self._showSliceInView)
        self._prepare([])
        ui.slicesTable.connect("cellClicked(int,int)", self._jump)
        ui.slicesTable.connect("currentCellChanged(int,int,int,int)", self._jump)
        ui.plotGroup.connect("toggled(bool)", lambda shown: self._follow.ask())
        state.resultChanged.connect(self._show)
        state.resultUpdated.connect(self._show)
        state.resultMoved.connect(self._show)

    def watch(self) -> None:
        """Begin to follow the axial slice view."""
        self.unwatch()
        node = axialSliceNode(self._context)
        if node is not None:
            self._observers.add(node, vtk.vtkCommand.ModifiedEvent, self._follow.ask)
            self._sliceNode = node
        self._follow.ask()

    def unwatch(self) -> None:
        """Follow it no longer: the panel is hidden, or the scene is being closed."""
        self._observers.clear()
        self._sliceNode = None
        self._follow.forget()

    def _prepare(self, columns: list[Any]) -> None:
        """The table's columns: those of every method, and numbers that the shown result's method has of each slice."""
        if columns == self._columns:
            return
        self._columns = columns
        prepareTable(
            self._ui.slicesTable,
            [
                (_("Slice"), _("Number of the slice, from 1, inferior to superior.")),
                (_("Level"), _("Superior coordinate of the slice, in mm.")),
                (_("Decision"), _("The image-level decision; slices that were not examined are told apart.")),
                *((column.short, column.meaning) for column in columns),
                (_("mm²"), _("Area of the segmentation in this slice.")),
            ],
            widest=2,
        )

    def _show(self) -> None:
        result = self._state.result
        self._index = None
        self._ui.slicesGroup.visible = result is not None
        self._ui.plotGroup.visible = result is not None and someCurves(result.detection) is not None
        if result is None:
            self._ui.divergencePlot.setMRMLPlotViewNode(None)
            return
        from anofpdm.methods.facts import fact_columns

        findings, method = result.detection.findings, result.detection.method
        columns = fact_columns(method.slice_facts_type)
        self._prepare(columns)
        rows = [_items(entry, self._level(entry), columns) for entry in findings["slices"]]
        fillTable(self._ui.slicesTable, rows)
        totals = findings["totals"]
        text = _("{examined} slices examined: {unhealthy} unhealthy, {healthy} healthy; {rest} not examined")
        self._ui.slicesTotalLabel.text = text.format(
            examined=totals["slices_examined"],
            unhealthy=totals["slices_unhealthy"],
            healthy=totals["slices_healthy"],
            rest=totals["slices_not_examined"],
        )
        rule = method.decision_rule(findings["parameters"])
        if rule is not None:
            self._ui.slicesTotalLabel.text += f". {whatDecides(rule)}"
        self._follow.ask()

    def _level(self, entry: dict[str, Any]) -> float:
        """Where the slice lies now."""
        return float(self._state.result.sliceCentre(entry["index"])[2])

    def _jump(self, row: int) -> None:
        if self._state.result is not None and row >= 0:
            self._display.centreOnSlice(row)

    def _showSliceInView(self) -> None:
        """Plot and table row of the slice that the axial view stands in."""
        result = self._state.result
        if result is None or self._sliceNode is None or not self._context.scene.IsNodePresent(self._sliceNode):
            return
        matrix = self._sliceNode.GetSliceToRAS()
        index = result.sliceAt(tuple(matrix.GetElement(row, 3) for row in range(3)))
        if index is None:
            self._ui.plotLabel.text = _("The axial view stands outside the examined stack.")
            return
        with quiet(self._ui.slicesTable):
            self._ui.slicesTable.selectRow(index)
        if self._ui.plotGroup.collapsed or index == self._index:
            return
        with waiting():
            self._plot(result, index)
            self._index = index

    def _plot(self, result: Any, index: int) -> None:
        plot = result.divergencePlot()
        entry = result.detection.findings["slices"][index]
        if plot is None:
            self._ui.divergencePlot.setMRMLPlotViewNode(None)
            self._ui.plotLabel.text = _("This method has no curves to show.")
            return
        notes = plot.showSlice(result.detection, index, self._level(entry))
        view = self._plotView()
        view.SetPlotChartNodeID(plot.chart.GetID())
        self._ui.divergencePlot.setMRMLPlotViewNode(view)
        self._ui.plotLabel.text = curveText(entry, notes, plot.colors)

    def _plotView(self) -> Any:
        """The node of our own plot view, which is neither saved nor part of the window's layout."""
        scene = self._context.scene
        node = scene.GetSingletonNode(PLOT_VIEW, "vtkMRMLPlotViewNode")
        if node is not None:
            return node
        node = slicer.vtkMRMLPlotViewNode()
        node.SetSingletonTag(PLOT_VIEW)
        node.SetName(PLOT_VIEW)
        node.SetLayoutName(PLOT_VIEW)
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        node.SetAndObserveParentLayoutNodeID(self._state.result.node.GetID())
        return scene.AddNode(node)


def axialSliceNode(context: Any) -> Any:
    """The slice view that shows axial slices by default; None without any view."""
    nodes = context.nodes("vtkMRMLSliceNode")
    return next((node for node in nodes if node.GetLayoutName() == "Red"), nodes[0] if nodes else None)


def curveText(entry: dict[str, Any], notes: Mapping[str, str], colors: Sequence[tuple[float, float, float]]) -> str:
    """What the marks in the plot of a slice say, by modality; where there are several, with the color of each."""
    if not entry["examined"]:
        return _("Not examined: {reason}.").format(reason=entry["not_examined_reason"])
    texts = [f"{modality.upper()}: {note}" for modality, note in notes.items()]
    if len(texts) < 2:
        return "".join(texts)
    keys = ["#" + "".join(f"{round(255 * part):02x}" for part in color) for color in colors]
    return "; ".join(
        f"<span style='color:{key}'>■</span> {escape(text)}" for key, text in zip(keys, texts, strict=True)
    )


def whatDecides(rule: Any) -> str:
    """A sentence on the threshold that decides about slices (`anofpdm.methods.facts.DecisionRule`)."""
    sentence = _("A slice is unhealthy where its {number} is {sign} {threshold:.4g}.")
    return sentence.format(number=rule.by, sign="≥" if rule.at_least else "≤", threshold=rule.threshold)


def _items(entry: dict[str, Any], levelS: float, columns: Sequence[Any]) -> list[Any]:
    texts = [
        str(slice_number(entry["index"])),
        f"S {levelS:+.1f}",
        _decision(entry),
        *(_number(entry["method"].get(column.name), column.form) for column in columns),
        _number(entry["area_mm2"], "{:.0f}") if entry["examined"] else "",
    ]
    items = [cell(text) for text in texts]
    for item in items:
        if not entry["examined"]:
            item.setForeground(qt.QBrush(qt.QColor(128, 128, 128)))
        elif entry["decision"] == "unhealthy":
            item.setBackground(qt.QBrush(qt.QColor(250, 152, 30, 60)))
    return items


def _decision(entry: dict[str, Any]) -> str:
    known = {"healthy": _("healthy"), "unhealthy": _("unhealthy"), None: _("no decision")}
    return known[entry["decision"]] if entry["examined"] else slice_decision(entry)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
