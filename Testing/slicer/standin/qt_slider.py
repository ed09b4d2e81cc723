"""CTK's slider with its spin box, for tests: the same positions, steps, rounding and signals."""

from __future__ import annotations

import math
import sys

from PySide6.QtCore import Property, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLayout, QSizePolicy, QSlider, QWidget


class _DoubleSlider(QSlider):
    """Libs/Widgets/ctkDoubleSlider.cpp: a slider whose positions are whole single steps away from the value."""

    moved = Signal(float)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.low, self.high, self.step, self.page, self.exact = 0.0, 99.0, 1.0, 10.0, 0.0
        self._offset = 0.0
        self.setPageStep(10)
        self.valueChanged.connect(self._position_changed)

    def limit(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        for end in (low, high):
            if (end == low and low >= self.exact) or (end == high and high <= self.exact):
                self._shift(end)
        self._make_positions()
        self.place(self.exact)

    def place(self, value: float) -> None:
        value = min(max(value, self.low), self.high)
        self._shift(value)
        position = self.position(value)
        if position != self.value():
            self.setValue(position)
        else:
            before, self.exact = self.exact, value
            if abs(value - before) > self.step * 1e-9:
                self.moved.emit(value)

    def set_step(self, step: float) -> None:
        if self.low != self.high and not sys.float_info.epsilon <= step <= self.high - self.low:
            raise ValueError(f"The slider ignores the step {step:g}: it is outside of its range.")
        self.step = step
        self._shift(self.exact)
        blocked = self.blockSignals(True)
        self._make_positions()
        self.setValue(self.position(self.exact))
        self.setPageStep(self.position(self.page))
        self.blockSignals(blocked)

    def set_page(self, page: float) -> None:
        self.page = page
        self.setPageStep(self.position(page))

    def position(self, value: float) -> int:
        return math.floor(value / self.step + 0.5)

    def _at(self, position: int) -> float:
        return self.step * (self._offset + position)

    def _shift(self, value: float) -> None:
        self._offset = value / self.step - self.position(value)

    def _make_positions(self) -> None:
        low, high = self.position(self.low), self.position(self.high)
        self.setRange(low - (self._at(low) > self.low), high + (self._at(high) < self.high))

    def _position_changed(self, position: int) -> None:
        value = min(max(self._at(position), self.low), self.high)
        if value != self.exact:
            self.exact = value
            self.moved.emit(value)


class ctkSliderWidget(QWidget):  # noqa: N801 - CTK's name
    """A slider and a spin box with one value; Libs/Widgets/ctkSliderWidget.h and .cpp.

    Without tracking `valueIsChanging` comes while the handle is dragged, `valueChanged` when it is let go, unless it
    is back where it was. The value is the slider's, which is not rounded to the box's decimals.
    """

    _standin_methods = ("reset", "setValue", "setSpinBoxVisible", "setDecimals")
    _SYNCHRONIZE_WIDTH, _SYNCHRONIZE_DECIMALS = 1, 2

    valueChanged = Signal(float, arguments=["value"])  # noqa: N815
    valueIsChanging = Signal(float, arguments=["value"])  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tracking = True
        self._changing = False
        self._before = 0.0
        self._only_box = False
        self._synchronize = self._SYNCHRONIZE_WIDTH
        self._slider = _DoubleSlider()
        self._box = QDoubleSpinBox()
        self._box.setMinimumWidth(86)
        self._slider.limit(self._box.minimum(), self._box.maximum())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetDefaultConstraint)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._box)
        self._box.valueChanged.connect(self._typed)
        self._slider.sliderPressed.connect(self._start)
        self._slider.sliderReleased.connect(self._stop)
        self._slider.moved.connect(self._moved)
        self._box.installEventFilter(self)

    def setValue(self, value: float) -> None:  # noqa: N802
        changing, self._changing = self._changing, False
        self._box.setValue(value)
        self._changing = changing

    def setMinimum(self, value: float) -> None:  # noqa: N802
        self._limit(lambda: self._box.setMinimum(value))

    def setMaximum(self, value: float) -> None:  # noqa: N802
        self._limit(lambda: self._box.setMaximum(value))

    def _limit(self, change) -> None:  # type: ignore[no-untyped-def]
        before, self._only_box = self._only_box, True
        change()
        self._only_box = before
        self._slider.limit(self._box.minimum(), self._box.maximum())

    def setSingleStep(self, step: float) -> None:  # noqa: N802
        self._slider.set_step(step)
        self._box.setSingleStep(step)

    def reset(self) -> None:
        self.setValue(0.0)

    def setSpinBoxVisible(self, visible: bool) -> None:  # noqa: N802
        self._box.setVisible(visible)

    def setDecimals(self, decimals: int) -> None:  # noqa: N802
        self._box.setDecimals(decimals)
        self._slider.limit(self._box.minimum(), self._box.maximum())
        self._moved(self._slider.exact)
        self._synchronize_decimals()

    def _set_synchronize(self, flags: int) -> None:
        self._synchronize = flags
        self._synchronize_decimals()

    def _synchronize_decimals(self) -> None:
        if self._synchronize & self._SYNCHRONIZE_DECIMALS and self.parentWidget() is not None:
            for other in self.parentWidget().findChildren(ctkSliderWidget):
                if other is not self and other._synchronize & self._SYNCHRONIZE_DECIMALS:
                    other._box.setDecimals(self._box.decimals())

    def _get_value(self) -> float:
        return self._before if self._changing else self._slider.exact

    def _set_tracking(self, tracking: bool) -> None:
        self._tracking = tracking

    synchronizeSiblings = Property(int, lambda self: self._synchronize, _set_synchronize)  # noqa: N815 - flags
    decimals = Property(int, lambda self: self._box.decimals(), setDecimals)
    singleStep = Property(float, lambda self: self._slider.step, setSingleStep)  # noqa: N815
    pageStep = Property(float, lambda self: self._slider.page, lambda self, step: self._slider.set_page(step))  # noqa: N815
    minimum = Property(float, lambda self: self._slider.low, setMinimum)
    maximum = Property(float, lambda self: self._slider.high, setMaximum)
    value = Property(float, _get_value, setValue)
    prefix = Property(str, lambda self: self._box.prefix(), lambda self, text: self._box.setPrefix(text))
    suffix = Property(str, lambda self: self._box.suffix(), lambda self, text: self._box.setSuffix(text))
    tracking = Property(bool, lambda self: self._tracking, _set_tracking)

    def _start(self) -> None:
        if not self._tracking:
            self._before = self._get_value()
            self._changing = True

    def _stop(self) -> None:
        if self._tracking:
            return
        self._changing = False
        if abs(self._slider.exact - self._before) > self._slider.step * 1e-9:
            self.valueChanged.emit(self._slider.exact)

    def _typed(self, value: float) -> None:
        if not self._only_box:
            self._slider.place(value)

    def _moved(self, value: float) -> None:
        before, self._only_box = self._only_box, True
        self._box.setValue(value)
        self._only_box = before
        if not self._tracking:
            self.valueIsChanging.emit(value)
        if not self._changing:
            self.valueChanged.emit(value)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QMouseEvent) and event.button() == Qt.MouseButton.LeftButton:
            if event.type() == QEvent.Type.MouseButtonPress:
                self._start()
            elif event.type() == QEvent.Type.MouseButtonRelease:
                self._stop()
        return super().eventFilter(watched, event)
