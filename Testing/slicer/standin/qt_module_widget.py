"""The widget that holds a scripted module's panel, and what the application does with it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import slicer
from PySide6.QtCore import Property
from PySide6.QtWidgets import QVBoxLayout, QWidget
from qt_failures import guarded
from qt_mrml import qMRMLWidget
from qt_proxy import unwrap, wrap


class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):  # noqa: N801 - Slicer's name
    """Base/QTGUI/qSlicerScriptedLoadableModuleWidget.cxx and qSlicerAbstractModuleWidget.cxx.

    It holds the object of Python; an exception in one of that object's functions is reported and goes no further.
    """

    _standin_methods = ("reload",)

    def __init__(self, source: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)
        self._source = source
        self._entered = False
        self._python: Any = None
        self._make()

    isEntered = Property(bool, lambda self: self._entered)  # noqa: N815

    def setup(self) -> None:
        guarded(self._python.setup)()

    def enter(self) -> None:
        self._entered = True
        guarded(self._python.enter)()

    def exit(self) -> None:
        self._entered = False
        guarded(self._python.exit)()

    def reload(self) -> None:
        """A new object of the module as it is imported now; it is not entered."""
        self._make()
        self.setup()

    def _make(self) -> None:
        name = self._source.stem
        module = sys.modules.get(name) or importlib.import_module(name)
        self._python = getattr(module, f"{name}Widget")(wrap(self))
        setattr(slicer.modules, f"{name}Widget", self._python)


class LoadedModule:
    """Base/QTGUI/qSlicerScriptedLoadableModule.h"""

    def __init__(self, source: Path) -> None:
        self.path = str(source)
        self._source = source
        self._widget: qSlicerScriptedLoadableModuleWidget | None = None

    def follow(self, chosen: str) -> None:
        """Of the stand-in alone: the user has chosen a module, this one or another."""
        if chosen == self._source.stem and not unwrap(self.widgetRepresentation()).isEntered:
            unwrap(self.widgetRepresentation()).enter()
        elif chosen != self._source.stem and self._widget is not None and self._widget.isEntered:
            self._widget.exit()

    def widgetRepresentation(self) -> Any:  # noqa: N802
        """Made at first use, and set up."""
        if self._widget is None:
            self._widget = qSlicerScriptedLoadableModuleWidget(self._source)
            self._widget.setMRMLScene(slicer.mrmlScene)
            self._widget.setup()
        return wrap(self._widget)
