"""`slicer.app` and the application's windows, as far as the panel and `slicer.util` ask for them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any, ClassVar

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QMainWindow
from qt_overloads import call
from qt_proxy import unwrap, wrap


class Application:
    """Base/QTCore/qSlicerCoreApplication.h and Base/QTGUI/qSlicerApplication.h; other names raise."""

    applicationName = "Slicer"  # noqa: N815
    majorVersion, minorVersion = 5, 12  # noqa: N815

    def __init__(self, application: QApplication) -> None:
        self._application = application
        self._folder = tempfile.TemporaryDirectory(prefix="anofpdm-application-")
        self._settings = QSettings(f"{self._folder.name}/Slicer.ini", QSettings.Format.IniFormat)
        self._window = QMainWindow()
        self._window.setObjectName("qSlicerMainWindow")
        self._logic: Any = None
        self._started: list[Callable[[], None]] = []

    def serve(self, logic: Any) -> None:
        """Of the stand-in alone: which application logic there is."""
        self._logic = logic

    def start(self) -> None:
        """Of the stand-in alone: what is connected to `startupCompleted()` is called."""
        for function in self._started:
            function()

    def applicationLogic(self) -> Any:  # noqa: N802
        return self._logic

    def connect(self, signal: str, function: Callable[[], None]) -> bool:
        if signal != "startupCompleted()":
            raise AttributeError(f"The stand-in's application has no signal '{signal}'.")
        self._started.append(function)
        return True

    @property
    def temporaryPath(self) -> str:  # noqa: N802
        return self._folder.name

    def testingEnabled(self) -> bool:  # noqa: N802
        return False

    def processEvents(self) -> None:  # noqa: N802
        self._application.processEvents()

    def topLevelWidgets(self) -> list[Any]:  # noqa: N802
        return [wrap(self._window)]

    def userSettings(self) -> Any:  # noqa: N802
        return wrap(self._settings)

    def setOverrideCursor(self, cursor: Any) -> None:  # noqa: N802
        call(QApplication.setOverrideCursor, "setOverrideCursor", [unwrap(cursor)])

    def restoreOverrideCursor(self) -> None:  # noqa: N802
        QApplication.restoreOverrideCursor()


class DicomExportDialog:
    """Modules/Scripted/DICOMLib/Widgets/qSlicerDICOMExportDialog.h; remembers what it was opened with."""

    opened: ClassVar[list[tuple[Any, int]]] = []
    onOpened: ClassVar[Callable[[], object]] = staticmethod(lambda: None)  # noqa: N815

    def __init__(self, parent: Any = None) -> None:
        self._scene: Any = None

    def setMRMLScene(self, scene: Any) -> None:  # noqa: N802
        self._scene = scene

    def execDialog(self, item: int = 0) -> bool:  # noqa: N802
        DicomExportDialog.opened.append((self._scene, item))
        DicomExportDialog.onOpened()
        return True
