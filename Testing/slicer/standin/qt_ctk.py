"""Widgets of CTK for tests: the properties, signals and functions of the headers named with each, drawn plainly."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Property, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPixmap, QPolygon
from PySide6.QtWidgets import (
    QAbstractButton,
    QGroupBox,
    QLayout,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)
from qt_slider import ctkSliderWidget


class ctkCollapsibleButton(QAbstractButton):  # noqa: N801 - CTK's name
    """A titled section; Libs/Widgets/ctkCollapsibleButton.h."""

    _HEADER_PX = 26

    contentsCollapsed = Signal(bool)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(0, self._HEADER_PX, 0, 2)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self.toggled.connect(self._toggled)

    def _get_collapsed(self) -> bool:
        return not self.isChecked()

    def setCollapsed(self, collapsed: bool) -> None:  # noqa: N802
        """Show or hide the contents."""
        self.setChecked(not collapsed)

    collapsed = Property(bool, _get_collapsed, setCollapsed, notify=contentsCollapsed)

    def _toggled(self, shown: bool) -> None:
        for child in self.children():
            if isinstance(child, QWidget):
                child.setVisible(shown)
        self.setMaximumHeight(16777215 if shown else self._HEADER_PX)
        self.updateGeometry()
        self.contentsCollapsed.emit(not shown)

    def hitButton(self, place: QPoint) -> bool:  # noqa: N802
        return place.y() < self._HEADER_PX

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self._size(QLayout.totalMinimumSize)

    def sizeHint(self) -> QSize:  # noqa: N802
        return self._size(QLayout.totalSizeHint)

    def _size(self, of: Callable[[QLayout], QSize]) -> QSize:
        closed, layout = QSize(120, self._HEADER_PX), self.layout()
        return closed if layout is None or not self.isChecked() else of(layout).expandedTo(closed)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        palette = self.palette()
        header = QRect(0, 0, self.width() - 1, self._HEADER_PX - 3)
        painter.setPen(palette.mid().color())
        painter.setBrush(palette.button().color().darker(106))
        painter.drawRoundedRect(header, 3, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.buttonText())
        x, y = 12, header.center().y() + 1
        arrow = [(-4, -2), (4, -2), (0, 3)] if self.isChecked() else [(-2, -4), (-2, 4), (3, 0)]
        painter.drawPolygon(QPolygon([QPoint(x + dx, y + dy) for dx, dy in arrow]))
        painter.setPen(palette.buttonText().color())
        painter.drawText(header.adjusted(24, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.text())


class ctkCollapsibleGroupBox(QGroupBox):  # noqa: N801
    """A group that its title opens and closes; Libs/Widgets/ctkCollapsibleGroupBox.h."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.toggled.connect(self._toggled)
        self._toggled(True)

    def _get_collapsed(self) -> bool:
        return not self.isChecked()

    def setCollapsed(self, collapsed: bool) -> None:  # noqa: N802
        """Show or hide the contents."""
        self.setChecked(not collapsed)

    collapsed = Property(bool, _get_collapsed, setCollapsed)

    def _toggled(self, shown: bool) -> None:
        for child in self.children():
            if isinstance(child, QWidget):
                child.setVisible(shown)
        self.setMaximumHeight(16777215 if shown else 20)
        border = "1px solid palette(mid)" if shown else "none"
        self.setStyleSheet(
            f"QGroupBox {{ margin-top: 18px; border: {border}; border-radius: 3px; }}"
            "QGroupBox::title { subcontrol-origin: margin; left: 4px; }"
            "QGroupBox::indicator { width: 9px; height: 9px; }"
        )
        self.updateGeometry()


class ctkColorPickerButton(QPushButton):  # noqa: N801
    """Shows a color with its name and asks for another; Libs/Widgets/ctkColorPickerButton.h and .cpp."""

    _standin_methods = ("setColor", "changeColor")

    colorChanged = Signal(QColor)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color = QColor(0, 0, 0)
        self._named = True

    def _get_color(self) -> QColor:
        return self._color

    def setColor(self, color: QColor) -> None:  # noqa: N802
        if color == self._color:
            return
        self._color = QColor(color)
        self.update()
        self.colorChanged.emit(self._color)

    def changeColor(self, change: bool = True) -> None:  # noqa: N802
        raise NotImplementedError("the stand-in shows no dialog of colors")

    def _set_named(self, named: bool) -> None:
        self._named = named
        self.update()
        self.updateGeometry()

    color = Property(QColor, _get_color, setColor, notify=colorChanged)
    displayColorName = Property(bool, lambda self: self._named, _set_named)  # noqa: N815

    def _name(self) -> str:
        return self._color.name() if self._named else self.text()

    def sizeHint(self) -> QSize:  # noqa: N802
        option, icon = QStyleOptionButton(), self.style().pixelMetric(QStyle.PixelMetric.PM_SmallIconSize)
        self.initStyleOption(option)
        option.text = self._name()
        if not option.text:
            return self.style().sizeFromContents(QStyle.ContentsType.CT_ToolButton, option, QSize(icon, icon), self)
        text = option.fontMetrics.size(Qt.TextFlag.TextShowMnemonic, option.text)
        size = QSize(text.width() + icon + 4, max(text.height(), icon))
        return self.style().sizeFromContents(QStyle.ContentsType.CT_PushButton, option, size, self)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        size = self.style().pixelMetric(QStyle.PixelMetric.PM_SmallIconSize)
        icon = QPixmap(size, size)
        icon.fill(self._color)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text, option.icon, option.iconSize = self._name(), QIcon(icon), QSize(size, size)
        QStylePainter(self).drawControl(QStyle.ControlElement.CE_PushButton, option)


class ctkMessageBox(QMessageBox):  # noqa: N801
    """What `slicer.util` shows its questions in; Libs/Widgets/ctkMessageBox.h."""


WIDGETS = {
    "ctkCollapsibleButton": ctkCollapsibleButton,
    "ctkCollapsibleGroupBox": ctkCollapsibleGroupBox,
    "ctkSliderWidget": ctkSliderWidget,
    "ctkColorPickerButton": ctkColorPickerButton,
    "ctkMessageBox": ctkMessageBox,
}
