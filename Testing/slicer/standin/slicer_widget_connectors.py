"""Base/Python/slicer/parameterNodeWrapper/guiConnectors.py: which widget shows which type, and by which property."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import slicer

_LEAST, _MOST = -(2**31), 2**31 - 1


@dataclass
class Connector:
    """Reads and writes one widget and tells of its changes by one signal."""

    widget: Any
    signal: str
    read: Callable[[], Any]
    write: Callable[[Any], None]
    callback: Callable[..., None] | None = None

    def connect(self, callback: Callable[..., None]) -> None:
        self.callback = callback
        getattr(self.widget, self.signal).connect(callback)

    def disconnect(self) -> None:
        if self.callback is not None:
            getattr(self.widget, self.signal).disconnect(self.callback)
            self.callback = None


def connector_for(widget: Any, parameter: Any) -> Connector:
    """Raises RuntimeError where upstream knows no connector for this widget and type."""
    import ctk
    import qt

    kind, cls = parameter.kind, type(widget)
    if kind is bool and cls is qt.QCheckBox:
        return _by_property(widget, "checked", "stateChanged")
    if kind is bool and cls is qt.QPushButton:
        if not widget.checkable:
            raise RuntimeError(f"The button {widget.name} must be checkable to show {parameter.name}.")
        return _by_property(widget, "checked", "toggled")
    if kind is int and cls in (qt.QSlider, qt.QSpinBox):
        _limit(widget, parameter, cls is qt.QSlider, (_LEAST, _MOST))
        return _by_property(widget, "value", "valueChanged")
    if kind is float and cls in (qt.QDoubleSpinBox, ctk.ctkSliderWidget):
        _limit(widget, parameter, cls is ctk.ctkSliderWidget, (float("-inf"), float("inf")))
        return _by_property(widget, "value", "valueChanged")
    if kind is str and cls is qt.QLineEdit:
        return _by_property(widget, "text", "textChanged")
    if parameter.isNode and cls is slicer.qMRMLNodeComboBox:
        return Connector(widget, "currentNodeChanged", widget.currentNode, widget.setCurrentNode)
    raise RuntimeError(f"Unable to create GUI connector from datatype '{kind}' to widget type '{cls}'")


def _by_property(widget: Any, name: str, signal: str) -> Connector:
    return Connector(widget, signal, lambda: getattr(widget, name), lambda value: setattr(widget, name, value))


def _limit(widget: Any, parameter: Any, must_be_bounded: bool, widest: tuple[float, float]) -> None:
    """Connecting sets the widget's range to the parameter's, whatever it was."""
    low = next((check.minimum for check in parameter.checks if hasattr(check, "minimum")), None)
    high = next((check.maximum for check in parameter.checks if hasattr(check, "maximum")), None)
    if must_be_bounded and (low is None or high is None):
        raise RuntimeError(f"A slider cannot show {parameter.name}, which has no bounds.")
    widget.minimum = widest[0] if low is None else low
    widget.maximum = widest[1] if high is None else high
