"""QUiLoader with the stand-ins' widgets; what Qt would pass over in silence, or a typing error, raises."""

from __future__ import annotations

import xml.etree.ElementTree as ET  # the module's own .ui file, nobody else's
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from PySide6 import QtWidgets
from PySide6.QtCore import QBuffer, QFile, QIODevice, QObject
from PySide6.QtUiTools import QUiLoader as PySideUiLoader
from qt_ctk import WIDGETS as CTK_WIDGETS
from qt_layout_rules import check_wrapped_labels
from qt_mrml import qMRMLColorTableComboBox, qMRMLNodeComboBox, qMRMLWidget
from qt_plot import qMRMLPlotView, qMRMLPlotWidget

MRML_WIDGETS = {
    "qMRMLWidget": qMRMLWidget,
    "qMRMLNodeComboBox": qMRMLNodeComboBox,
    "qMRMLColorTableComboBox": qMRMLColorTableComboBox,
    "qMRMLPlotWidget": qMRMLPlotWidget,
    "qMRMLPlotView": qMRMLPlotView,
}
_CUSTOM: dict[str, type[QtWidgets.QWidget]] = {**CTK_WIDGETS, **MRML_WIDGETS}


class UiFileError(RuntimeError):
    """The .ui file names something that does not exist."""


class UiLoader(PySideUiLoader):
    """Loads a .ui file; its `load` takes an open QFile as Slicer's does."""

    _flags: Mapping[str, int] = MappingProxyType({})

    def createWidget(self, kind: str, parent: QtWidgets.QWidget | None = None, name: str = "") -> QtWidgets.QWidget:  # noqa: N802
        if kind in _CUSTOM:
            widget = _CUSTOM[kind](parent)
            widget.setObjectName(name)
            if name in self._flags:
                widget.setProperty("synchronizeSiblings", self._flags[name])
            return widget
        if not hasattr(QtWidgets, kind):
            raise UiFileError(f"The .ui file wants a {kind}, for which there is no stand-in.")
        return super().createWidget(kind, parent, name)

    def load(self, file: QFile, parent: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        root = ET.fromstring(bytes(file.readAll().data()))
        connections = [
            [part.text or "" for part in connection if part.tag != "hints"]
            for connection in root.findall("connections/connection")
        ]
        for found in root.findall("connections"):
            root.remove(found)
        self._flags = _take_flags(root)
        buffer = QBuffer()
        buffer.setData(ET.tostring(root))
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        widget = super().load(buffer, parent)
        by_name = {w.objectName(): w for w in [widget, *widget.findChildren(QtWidgets.QWidget)]}
        _check_properties(root, by_name)
        check_wrapped_labels(widget)
        for sender, signal, receiver, slot in connections:
            _connect(by_name, sender, signal, receiver, slot)
        return widget


def _take_flags(root: ET.Element) -> dict[str, int]:
    """Flags of CTK's sliders by the slider's name: PySide knows no properties of such a type."""
    known = {
        "ctkSliderWidget::NoSynchronize": 0,
        "ctkSliderWidget::SynchronizeWidth": CTK_WIDGETS["ctkSliderWidget"]._SYNCHRONIZE_WIDTH,
        "ctkSliderWidget::SynchronizeDecimals": CTK_WIDGETS["ctkSliderWidget"]._SYNCHRONIZE_DECIMALS,
    }
    found: dict[str, int] = {}
    for widget in root.iter("widget"):
        for entry in widget.findall("property"):
            if widget.get("class") == "ctkSliderWidget" and entry.get("name") == "synchronizeSiblings":
                parts = entry.findtext("set", "").split("|")
                if not set(parts) <= set(known):
                    raise UiFileError(f"ctkSliderWidget has no flags {entry.findtext('set')!r}.")
                found[widget.get("name", "")] = sum(known[part] for part in parts)
                widget.remove(entry)
    return found


def _check_properties(root: ET.Element, by_name: dict[str, Any]) -> None:
    """Qt makes a dynamic property of a misspelt one; only `stdset="0"` asks for that."""
    names = [element.get("name", "") for element in root.iter("widget")]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UiFileError(f"The .ui file has two widgets named {twice[0]}.")
    for element in root.iter("widget"):
        meta = by_name[element.get("name", "")].metaObject()
        for entry in element.findall("property"):
            name = entry.get("name", "")
            if entry.get("stdset") != "0" and meta.indexOfProperty(name) < 0:
                raise UiFileError(f"The .ui file sets '{name}', which {meta.className()} does not have.")


def _connect(by_name: dict[str, QObject], sender: str, signal: str, receiver: str, slot: str) -> None:
    for name in (sender, receiver):
        if name not in by_name:
            raise UiFileError(f"The .ui file connects {name}, which is no widget of it.")
    if (signal, slot) != ("mrmlSceneChanged(vtkMRMLScene*)", "setMRMLScene(vtkMRMLScene*)"):
        raise UiFileError(f"The .ui file connects {signal} to {slot}; only the scene is handed on that way.")
    target: Any = by_name[receiver]
    source: Any = by_name[sender]
    source.mrmlSceneChanged.connect(target.setMRMLScene)
