"""Slicer's plot widget for tests: draws the series of the chart that the view's node shows, plainly."""

from __future__ import annotations

import math
from typing import Any

import vtk
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QVBoxLayout, QWidget
from qt_mrml import Observers


class qMRMLPlotView(QWidget):  # noqa: N801 - Slicer's name
    """The canvas; Libs/MRML/Widgets/qMRMLPlotView.h."""

    _standin_methods = ("setMRMLScene", "setMRMLPlotViewNode", "fitToContent")

    mrmlSceneChanged = Signal(object)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._observers = Observers(self)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(300, 170)

    def setMRMLScene(self, scene: Any) -> None:  # noqa: N802
        self.mrmlSceneChanged.emit(scene)

    def setMRMLPlotViewNode(self, node: Any) -> None:  # noqa: N802
        self._observers.clear()
        self._node = node
        if node is not None:
            self._observers.add(node, vtk.vtkCommand.ModifiedEvent, self.redraw)
        self.update()

    def redraw(self) -> None:
        """Of the stand-in alone."""
        self.update()

    def fitToContent(self) -> None:  # noqa: N802
        self.update()

    def chart(self) -> Any:
        """The chart shown; of the stand-in alone."""
        return None if self._node is None else self._node.GetPlotChartNode()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), Qt.GlobalColor.white)
        chart = self.chart()
        if chart is None:
            return
        series = [chart.GetNthPlotSeriesNode(i) for i in range(chart.GetNumberOfPlotSeriesNodes())]
        points = [(node, _points(node)) for node in series]
        _draw(painter, QRectF(self.rect()), chart, [(node, p) for node, p in points if p])


class qMRMLPlotWidget(QWidget):  # noqa: N801
    """Canvas and controller; Libs/MRML/Widgets/qMRMLPlotWidget.h."""

    _standin_methods = ("setMRMLScene", "setMRMLPlotViewNode", "mrmlPlotViewNode", "plotView", "plotController")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._view = qMRMLPlotView(self)
        self._controller = QWidget(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._controller)
        layout.addWidget(self._view, 1)

    def setMRMLScene(self, scene: Any) -> None:  # noqa: N802
        self._view.setMRMLScene(scene)

    def setMRMLPlotViewNode(self, node: Any) -> None:  # noqa: N802
        self._node = node
        self._view.setMRMLPlotViewNode(node)

    def mrmlPlotViewNode(self) -> Any:  # noqa: N802
        return self._node

    def plotView(self) -> QWidget:  # noqa: N802
        return self._view

    def plotController(self) -> QWidget:  # noqa: N802
        """Upstream a qMRMLPlotViewControllerWidget."""
        return self._controller


def _points(node: Any) -> list[tuple[float, float]]:
    table = node.GetTableNode().GetTable() if node.GetTableNode() is not None else None
    if table is None:
        return []
    x, y = (table.GetColumnByName(name) for name in (node.GetXColumnName(), node.GetYColumnName()))
    if y is None:
        return []
    rows = range(table.GetNumberOfRows())
    points = [(x.GetVariantValue(i).ToDouble() if x else float(i), y.GetVariantValue(i).ToDouble()) for i in rows]
    return [point for point in points if not math.isnan(point[1])]


def _draw(painter: QPainter, area: QRectF, chart: Any, series: list[tuple[Any, list[tuple[float, float]]]]) -> None:
    plot = area.adjusted(58, 24, -14, -36)
    painter.setPen(Qt.GlobalColor.black)
    painter.drawText(QRectF(0, 2, area.width(), 20), Qt.AlignmentFlag.AlignCenter, chart.GetTitle() or "")
    painter.drawText(
        QRectF(plot.left(), area.bottom() - 18, plot.width(), 16),
        Qt.AlignmentFlag.AlignCenter,
        chart.GetXAxisTitle() or "",
    )
    painter.drawRect(plot)
    if not series:
        return
    xs, ys = ([p[axis] for _, points in series for p in points] for axis in (0, 1))
    (x0, x1), (y0, y1) = (min(xs), max(xs)), (min(0.0, *ys), max(ys))

    def place(x: float, y: float) -> QPointF:
        return QPointF(
            plot.left() + (x - x0) / ((x1 - x0) or 1) * plot.width(),
            plot.bottom() - (y - y0) / ((y1 - y0) or 1) * plot.height(),
        )

    for x in (x0, x1):
        painter.drawText(
            QRectF(place(x, y0).x() - 30, plot.bottom() + 2, 60, 14), Qt.AlignmentFlag.AlignCenter, f"{x:.3g}"
        )
    for y in (y0, y1):
        painter.drawText(QRectF(0, place(x0, y).y() - 8, 54, 16), Qt.AlignmentFlag.AlignRight, f"{y:.3g}")
    for node, points in series:
        color = QColor.fromRgbF(*node.GetColor())
        painter.setPen(QPen(color, 2))
        if node.GetLineStyle() != node.LineStyleNone:
            painter.drawPolyline(QPolygonF([place(*point) for point in points]))
        if node.GetMarkerStyle() != node.MarkerStyleNone:
            painter.setBrush(color)
            for point in points:
                painter.drawEllipse(place(*point), 3.5, 3.5)
            painter.setBrush(Qt.BrushStyle.NoBrush)
