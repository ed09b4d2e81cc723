"""Puts the stand-in modules `qt` and `ctk` and Slicer's widgets in place."""

from __future__ import annotations

import ctypes
import os
import sys
import types
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import slicer
from PySide6 import QtCore, QtGui, QtWidgets
from qt_application import Application, DicomExportDialog
from qt_ctk import WIDGETS as CTK_WIDGETS
from qt_dialogs import QFileDialog
from qt_names import CTK_NAMES, QT_NAMES, SLICER_NAMES
from qt_proxy import proxy_class
from qt_ui_loader import MRML_WIDGETS, UiLoader


class _Module(types.ModuleType):
    """Names that are not listed raise."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"The stand-in module '{self.__name__}' does not offer '{name}'; see slicer-facts.md.")


def install() -> Application:
    """Install them, once a process; returns the stand-in of `slicer.app`."""
    if "qt" in sys.modules:
        return slicer.app  # type: ignore[no-any-return]
    _keep_singletons()
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
    application.setStyle("Fusion")
    qt, ctk = _Module("qt"), _Module("ctk")
    for name in QT_NAMES:
        setattr(qt, name, _qt_class(name))
    for name in CTK_NAMES:
        setattr(ctk, name, proxy_class(CTK_WIDGETS[name]))
    for name in [name for name in SLICER_NAMES if name in MRML_WIDGETS]:
        setattr(slicer, name, proxy_class(MRML_WIDGETS[name]))
    slicer.qSlicerDICOMExportDialog = DicomExportDialog
    slicer.app = Application(application)
    slicer.modules = None  # each scene brings its own
    missing = {name for name in SLICER_NAMES if not hasattr(slicer, name)}
    assert missing <= {"dicomDatabase"}, missing  # which the tests put there where Slicer has DICOM
    sys.modules["qt"], sys.modules["ctk"] = qt, ctk
    return slicer.app  # type: ignore[no-any-return]


def _keep_singletons() -> None:
    """PySide6 6.12 gives None and bools away without counting the reference: fatal in a long session before 3.12.

    From Python 3.12 on they are immortal. Before that their count of references comes first in the object.
    """
    if sys.version_info < (3, 12):
        for singleton in (None, True, False):
            ctypes.c_ssize_t.from_address(id(singleton)).value += 1 << 40


def _qt_class(name: str) -> Any:
    if name == "QFileDialog":
        return QFileDialog
    if name == "QUiLoader":
        return proxy_class(UiLoader)
    home = next(module for module in (QtCore, QtGui, QtWidgets) if hasattr(module, name))
    return proxy_class(getattr(home, name))
