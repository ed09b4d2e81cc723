"""Widgets of Slicer that show the scene, for tests, with the names of the headers given with each."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import slicer
import vtk
from PySide6.QtCore import Property, QObject, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QWidget
from shiboken6 import isValid

_SCENE = slicer.vtkMRMLScene


class Observers:
    """Observers of MRML that neither outlive the widget they serve nor keep it alive."""

    def __init__(self, widget: QWidget) -> None:
        self._tags: list[tuple[Any, int]] = []
        widget.destroyed.connect(self.clear)

    def add(self, target: Any, event: int | str, call: Callable[[], None]) -> None:
        """Call a method of the widget at every event."""
        reference = weakref.WeakMethod(call)

        def react(*_: object) -> None:
            method = reference()
            if method is not None and isValid(method.__self__):
                method()

        self._tags.append((target, target.AddObserver(event, react)))

    def end(self, target: Any) -> None:
        """End those of one object."""
        for each, tag in self._tags:
            if each is target:
                each.RemoveObserver(tag)
        self._tags = [(each, tag) for each, tag in self._tags if each is not target]

    def clear(self, *_: object) -> None:
        """End them."""
        for target, tag in self._tags:
            target.RemoveObserver(tag)
        self._tags = []


class qMRMLWidget(QWidget):  # noqa: N801 - Slicer's name
    """A widget that hands the scene to those inside it; Libs/MRML/Widgets/qMRMLWidget.h."""

    _standin_methods = ("mrmlScene", "setMRMLScene")

    mrmlSceneChanged = Signal(object)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None

    def mrmlScene(self) -> Any:  # noqa: N802
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:  # noqa: N802
        if scene is self._scene:
            return
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


class qMRMLSortFilterProxyModel(QObject):  # noqa: N801
    """Which nodes a selector offers; Libs/MRML/Widgets/qMRMLSortFilterProxyModel.h."""

    _standin_methods = ()

    def __init__(self, selector: qMRMLNodeComboBox) -> None:
        super().__init__(selector)
        self._selector = weakref.ref(selector)
        self._hidden: list[str] = []

    def _hide(self, identities: list[str]) -> None:
        self._hidden = list(identities)
        selector = self._selector()
        if selector is not None:
            selector._refresh()

    hiddenNodeIDs = Property("QStringList", lambda self: self._hidden, _hide)  # noqa: N815


class qMRMLNodeComboBox(QWidget):  # noqa: N801
    """A choice among nodes of the scene; Libs/MRML/Widgets/qMRMLNodeComboBox.h and qMRMLSceneModel.cxx.

    If its node is removed, it takes the one that moves into its row. A scene that was read or closed fills it anew:
    for a moment nothing is selected, which it tells.
    """

    _standin_methods = (
        "mrmlScene",
        "setMRMLScene",
        "currentNode",
        "setCurrentNode",
        "setCurrentNodeID",
        "setCurrentNodeIndex",
        "addAttribute",
        "sortFilterProxyModel",
    )

    currentNodeChanged = Signal((object,), (bool,))  # noqa: N815
    currentNodeIDChanged = Signal(str)  # noqa: N815
    nodeAdded = Signal(object)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._settings: dict[str, Any] = {
            "nodeTypes": [],
            "hideChildNodeTypes": [],
            "showChildNodeTypes": True,
            "showHidden": False,
            "noneEnabled": False,
            "addEnabled": True,
            "removeEnabled": True,
            "editEnabled": False,
            "renameEnabled": False,
            "selectNodeUponCreation": True,
            "noneDisplay": "None",
            "baseName": "",
        }
        self._attributes: list[tuple[str, str, Any]] = []
        self._shown: list[str | None] = []
        self._current: str | None = None
        self._observers = Observers(self)
        self._watched: dict[str, Any] = {}
        self._filter = qMRMLSortFilterProxyModel(self)
        self._box = QComboBox(self)
        self._box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._box.currentIndexChanged.connect(self._chosen)
        self.setEnabled(False)

    def mrmlScene(self) -> Any:  # noqa: N802
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:  # noqa: N802
        self._observers.clear()
        self._watched.clear()
        self._scene = scene
        self.setEnabled(scene is not None)
        if scene is not None:
            self._observers.add(scene, _SCENE.NodeAddedEvent, self._refresh)
            self._observers.add(scene, _SCENE.NodeRemovedEvent, self._take_out)
            for event in (_SCENE.EndImportEvent, _SCENE.EndCloseEvent):
                self._observers.add(scene, event, self._fill_anew)
        self._refresh()

    def currentNode(self) -> Any:  # noqa: N802
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    def setCurrentNode(self, node: Any) -> None:  # noqa: N802
        self.setCurrentNodeID("" if node is None else node.GetID())

    def setCurrentNodeID(self, identity: str) -> None:  # noqa: N802
        wanted = identity if identity in self._shown else None
        self._select(wanted)

    def setCurrentNodeIndex(self, index: int) -> None:  # noqa: N802
        nodes = [identity for identity in self._shown if identity]
        self._select(nodes[index] if 0 <= index < len(nodes) else None)

    def sortFilterProxyModel(self) -> qMRMLSortFilterProxyModel:  # noqa: N802
        return self._filter

    def addAttribute(self, kind: str, name: str, value: Any = None) -> None:  # noqa: N802
        self._attributes.append((kind, name, value))
        self._refresh()

    def _get_current_id(self) -> str:
        return self._current or ""

    currentNodeID = Property(str, _get_current_id, setCurrentNodeID, notify=currentNodeIDChanged)  # noqa: N815

    def _setting(name: str, kind: Any) -> Any:  # type: ignore[misc]  # noqa: N805 - makes properties
        def get(self: qMRMLNodeComboBox) -> Any:
            return self._settings[name]

        def put(self: qMRMLNodeComboBox, value: Any) -> None:
            self._settings[name] = value
            self._refresh()

        return Property(kind, get, put)

    nodeTypes = _setting("nodeTypes", "QStringList")  # noqa: N815
    hideChildNodeTypes = _setting("hideChildNodeTypes", "QStringList")  # noqa: N815
    showChildNodeTypes = _setting("showChildNodeTypes", bool)  # noqa: N815
    showHidden = _setting("showHidden", bool)  # noqa: N815
    noneEnabled = _setting("noneEnabled", bool)  # noqa: N815
    addEnabled = _setting("addEnabled", bool)  # noqa: N815
    removeEnabled = _setting("removeEnabled", bool)  # noqa: N815
    editEnabled = _setting("editEnabled", bool)  # noqa: N815
    renameEnabled = _setting("renameEnabled", bool)  # noqa: N815
    selectNodeUponCreation = _setting("selectNodeUponCreation", bool)  # noqa: N815
    noneDisplay = _setting("noneDisplay", str)  # noqa: N815
    baseName = _setting("baseName", str)  # noqa: N815
    del _setting

    def _fits(self, node: Any) -> bool:
        settings = self._settings
        if node.GetID() in self._filter.hiddenNodeIDs:
            return False
        if node.GetHideFromEditors() and not settings["showHidden"]:
            return False
        if any(node.IsA(kind) for kind in settings["hideChildNodeTypes"]):
            return False
        if settings["showChildNodeTypes"]:
            known = any(node.IsA(kind) for kind in settings["nodeTypes"])
        else:
            known = node.GetClassName() in settings["nodeTypes"]
        wanted = [(name, value) for kind, name, value in self._attributes if node.IsA(kind)]
        return known and all(
            node.GetAttribute(name) is not None and value in (None, node.GetAttribute(name)) for name, value in wanted
        )

    def _take_out(self) -> None:
        """What Qt's own combo box does whose row is removed."""
        self._refresh(self._shown.index(self._current) if self._current in self._shown else None)

    def _fill_anew(self) -> None:
        self._select(None)
        self._refresh()

    def _refresh(self, row: int | None = None) -> None:
        if self._scene is not None and (self._scene.IsImporting() or self._scene.IsClosing()):
            return
        nodes = (
            [] if self._scene is None else [self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes())]
        )
        fitting = [node for node in nodes if node is not None and self._fits(node)]
        self._shown = [*([None] if self._settings["noneEnabled"] else []), *[node.GetID() for node in fitting]]
        blocked = self._box.blockSignals(True)
        self._box.clear()
        for identity in self._shown:
            name = self._scene.GetNodeByID(identity).GetName() if identity else self._settings["noneDisplay"]
            self._box.addItem(name)
        self._box.blockSignals(blocked)
        added = []
        for identity in [identity for identity, node in self._watched.items() if node not in fitting]:
            self._observers.end(self._watched.pop(identity))
        for node in fitting:
            if node.GetID() not in self._watched:
                self._watched[node.GetID()] = node
                self._observers.add(node, vtk.vtkCommand.ModifiedEvent, self._rename)
                added.append(node)
        if self._current not in self._shown:
            last = len(self._shown) - 1
            self._select(self._shown[min(row or 0, last)] if self._shown else None)
        else:
            self._select(self._current)
        for node in added:
            self.nodeAdded.emit(node)

    def _rename(self) -> None:
        for row, identity in enumerate(self._shown):
            node = self._scene.GetNodeByID(identity) if identity else None
            if node is not None and self._box.itemText(row) != node.GetName():
                self._box.setItemText(row, node.GetName())

    def _chosen(self, row: int) -> None:
        self._select(self._shown[row] if 0 <= row < len(self._shown) else None)

    def _select(self, identity: str | None) -> None:
        row = self._shown.index(identity) if identity in self._shown else -1
        blocked = self._box.blockSignals(True)
        self._box.setCurrentIndex(row)
        self._box.blockSignals(blocked)
        if identity == self._current:
            return
        self._current = identity
        self.currentNodeChanged[object].emit(self.currentNode())
        self.currentNodeChanged[bool].emit(identity is not None)
        self.currentNodeIDChanged.emit(identity or "")


class qMRMLColorTableComboBox(qMRMLNodeComboBox):  # noqa: N801
    """A choice among color tables, hidden ones too; Libs/MRML/Widgets/qMRMLColorTableComboBox.h and .cxx."""

    _standin_methods = ()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings |= {"showHidden": True, "addEnabled": False, "removeEnabled": False}
        self._settings["nodeTypes"] = ["vtkMRMLColorTableNode", "vtkMRMLProceduralColorNode"]
