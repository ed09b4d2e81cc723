"""`slicer.modules` as far as the panel and `slicer.util` ask for it; other modules raise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qt_module_widget import LoadedModule

_SOURCE = Path(__file__).resolve().parents[3] / "AnoFPDMSegment" / "AnoFPDMSegment.py"


class _Module:
    """Base/QTGUI/qSlicerAbstractCoreModule.h"""

    def __init__(self, logic: Any) -> None:
        self._logic = logic

    def logic(self) -> Any:
        return self._logic


class SegmentEditor:
    """Modules/Loadable/Segmentations/Widgets/qMRMLSegmentEditorWidget.h; remembers what it was given."""

    def __init__(self) -> None:
        self.segmentation: Any = None
        self.source: Any = None

    def setSegmentationNode(self, node: Any) -> None:  # noqa: N802
        self.segmentation = node

    def setSourceVolumeNode(self, node: Any) -> None:  # noqa: N802
        self.source = node


class SegmentEditorWidget:
    """Modules/Scripted/SegmentEditor/SegmentEditor.py: SegmentEditorWidget"""

    def __init__(self) -> None:
        self.editor = SegmentEditor()


class Modules:
    """The loaded modules; a module's widget is there once the module was opened."""

    def __init__(self, logics: Callable[[str], Any]) -> None:
        self.segmentations = _Module(logics("Segmentations"))
        self.volumes = _Module(logics("Volumes"))
        self.anofpdmsegment = LoadedModule(_SOURCE)
        self.opened: list[str] = []

    def open(self, name: str) -> None:
        """What `slicer.util.selectModule` comes to: the module that is shown is left, and the other is entered."""
        self.opened.append(name)
        self.anofpdmsegment.follow(name)
        if name == "SegmentEditor":
            self.SegmentEditorWidget = SegmentEditorWidget()
