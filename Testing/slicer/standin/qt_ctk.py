"""Widgets of CTK for tests: the properties, signals and functions of the headers named with each, drawn plainly."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Property, QEvent, QObject, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPolygon
from PySide6.QtWidgets import (
    QAbstractButton,
    QDoubleSpinBox,
    QGroupBox,
    QHBoxLayout,
    QLayout,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QSlider,
    QWidget,
)

_STEPS = 1000


class ctkCollapsibleButton(QAbstractButton):  # noqa: N801 - CTK's name
    """A titled section; Libs/Widgets/ctkCollapsibleButton.h."""

    HEADER_PX = 26

    contentsCollapsed = Signal(bool)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(0, self.HEADER_PX, 0, 2)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
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
        self.setMaximumHeight(16777215 if shown else self.HEADER_PX)
        self.updateGeometry()
        self.contentsCollapsed.emit(not shown)

    def hitButton(self, place: QPoint) -> bool:  # noqa: N802
        return place.y() < self.HEADER_PX

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self._size(QLayout.totalMinimumSize)

    def sizeHint(self) -> QSize:  # noqa: N802
        return self._size(QLayout.totalSizeHint)

    def _size(self, of: Callable[[QLayout], QSize]) -> QSize:
        closed, layout = QSize(120, self.HEADER_PX), self.layout()
        return closed if layout is None or not self.isChecked() else of(layout).expandedTo(closed)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        palette = self.palette()
        header = QRect(0, 0, self.width() - 1, self.HEADER_PX - 3)
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


class ctkSliderWidget(QWidget):  # noqa: N801
    """A slider and a spin box with one value; Libs/Widgets/ctkSliderWidget.h and .cpp.

    Without tracking `valueIsChanging` comes while the slider is dragged, `valueChanged` when it is let go, unless it
    is back where it was. Siblings have the same number of decimals unless `synchronizeSiblings` says otherwise.
    """

    _standin_methods = ("reset", "setValue", "setSpinBoxVisible", "setDecimals")
    SYNCHRONIZE_WIDTH, SYNCHRONIZE_DECIMALS = 1, 2

    valueChanged = Signal(float, arguments=["value"])  # noqa: N815
    valueIsChanging = Signal(float, arguments=["value"])  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tracking = True
        self._changing = False
        self._before = 0.0
        self._synchronize = self.SYNCHRONIZE_WIDTH | self.SYNCHRONIZE_DECIMALS
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _STEPS)
        self._box = QDoubleSpinBox()
        self._box.setMinimumWidth(86)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetDefaultConstraint)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._box)
        self._slider.sliderPressed.connect(self._start)
        self._slider.sliderReleased.connect(self._stop)
        self._slider.valueChanged.connect(self._moved)
        self._box.valueChanged.connect(self._typed)
        self._box.installEventFilter(self)

    def _range(self, low: float, high: float) -> None:
        before = self._box.value()
        blocked = self._box.blockSignals(True)
        self._box.setRange(low, high)
        self._box.blockSignals(blocked)
        self._place()
        if self._box.value() != before:
            self.valueChanged.emit(self._box.value())

    def setValue(self, value: float) -> None:  # noqa: N802
        changing, self._changing = self._changing, False
        self._box.setValue(value)
        self._changing = changing

    def setMinimum(self, value: float) -> None:  # noqa: N802
        self._range(value, max(value, self._box.maximum()))

    def setMaximum(self, value: float) -> None:  # noqa: N802
        self._range(min(value, self._box.minimum()), value)

    def reset(self) -> None:
        self.setValue(0.0)

    def setSpinBoxVisible(self, visible: bool) -> None:  # noqa: N802
        self._box.setVisible(visible)

    def setDecimals(self, decimals: int) -> None:  # noqa: N802
        self._box.setDecimals(decimals)
        self._place()
        if self._synchronize & self.SYNCHRONIZE_DECIMALS and self.parentWidget() is not None:
            for other in self.parentWidget().findChildren(ctkSliderWidget):
                if other is not self and other._synchronize & self.SYNCHRONIZE_DECIMALS:
                    other._box.setDecimals(decimals)

    def _set_synchronize(self, flags: int) -> None:
        self._synchronize = flags

    def _get_value(self) -> float:
        return self._before if self._changing else self._box.value()

    def _get_tracking(self) -> bool:
        return self._tracking

    def _set_tracking(self, tracking: bool) -> None:
        self._tracking = tracking

    synchronizeSiblings = Property(int, lambda self: self._synchronize, _set_synchronize)  # noqa: N815 - flags
    decimals = Property(int, lambda self: self._box.decimals(), setDecimals)
    singleStep = Property(float, lambda self: self._box.singleStep(), lambda self, s: self._box.setSingleStep(s))  # noqa: N815
    minimum = Property(float, lambda self: self._box.minimum(), setMinimum)
    maximum = Property(float, lambda self: self._box.maximum(), setMaximum)
    value = Property(float, _get_value, setValue)
    prefix = Property(str, lambda self: self._box.prefix(), lambda self, text: self._box.setPrefix(text))
    suffix = Property(str, lambda self: self._box.suffix(), lambda self, text: self._box.setSuffix(text))
    tracking = Property(bool, _get_tracking, _set_tracking)

    def _start(self) -> None:
        if not self._tracking and not self._changing:
            self._before = self._box.value()
            self._changing = True

    def _stop(self) -> None:
        if self._tracking or not self._changing:
            return
        self._changing = False
        if self._box.value() != self._before:
            self.valueChanged.emit(self._box.value())

    def _moved(self, position: int) -> None:
        low, high = self._box.minimum(), self._box.maximum()
        blocked = self._box.blockSignals(True)
        self._box.setValue(low + (high - low) * position / _STEPS)
        self._box.blockSignals(blocked)
        self._tell()

    def _typed(self, _: float) -> None:
        self._place()
        self._tell()

    def _tell(self) -> None:
        if not self._tracking:
            self.valueIsChanging.emit(self._box.value())
        if not self._changing:
            self.valueChanged.emit(self._box.value())

    def _place(self) -> None:
        low, high = self._box.minimum(), self._box.maximum()
        blocked = self._slider.blockSignals(True)
        self._slider.setValue(round((self._box.value() - low) / (high - low) * _STEPS) if high > low else 0)
        self._slider.blockSignals(blocked)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QMouseEvent) and event.button() == Qt.MouseButton.LeftButton:
            if event.type() == QEvent.Type.MouseButtonPress:
                self._start()
            elif event.type() == QEvent.Type.MouseButtonRelease:
                self._stop()
        return super().eventFilter(watched, event)


class ctkColorPickerButton(QPushButton):  # noqa: N801
    """Shows a color and asks for another; Libs/Widgets/ctkColorPickerButton.h."""

    _standin_methods = ("setColor", "changeColor")

    colorChanged = Signal(QColor)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color = QColor(0, 0, 0)

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

    color = Property(QColor, _get_color, setColor, notify=colorChanged)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        QPainter(self).fillRect(self.rect().adjusted(7, 6, -7, -6), self._color)


class ctkDirectoryButton(QPushButton):  # noqa: N801
    """Shows a folder and asks for another; Libs/Widgets/ctkDirectoryButton.h."""

    _standin_methods = ("browse",)

    directoryChanged = Signal(str)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._directory = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self.browse)

    def _get_directory(self) -> str:
        return self._directory

    def setDirectory(self, path: str) -> None:  # noqa: N802
        if path == self._directory:
            return
        self._directory = path
        self.setText(path)
        self.directoryChanged.emit(path)

    directory = Property(str, _get_directory, setDirectory, notify=directoryChanged)

    def browse(self) -> None:
        from qt_dialogs import DIALOGS

        chosen = DIALOGS.path("getExistingDirectory", self.toolTip())
        if chosen:
            self.setDirectory(chosen)


class ctkMessageBox(QMessageBox):  # noqa: N801
    """What `slicer.util` shows its questions in; Libs/Widgets/ctkMessageBox.h."""


WIDGETS = {
    "ctkCollapsibleButton": ctkCollapsibleButton,
    "ctkCollapsibleGroupBox": ctkCollapsibleGroupBox,
    "ctkSliderWidget": ctkSliderWidget,
    "ctkColorPickerButton": ctkColorPickerButton,
    "ctkDirectoryButton": ctkDirectoryButton,
    "ctkMessageBox": ctkMessageBox,
}
