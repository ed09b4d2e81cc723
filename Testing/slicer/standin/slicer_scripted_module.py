"""Base/Python/slicer/ScriptedLoadableModule.py: the four base classes of a scripted module."""

from __future__ import annotations

import inspect
import logging
import sys
import unittest
from pathlib import Path
from typing import Any

import slicer
import slicer.util


class ModuleParent:
    """Base/QTGUI/qSlicerScriptedLoadableModule.h, the object a module is made with; unknown properties raise."""

    __slots__ = (
        "acknowledgementText",
        "categories",
        "contributors",
        "dependencies",
        "helpText",
        "hidden",
        "icon",
        "path",
        "title",
    )

    def __init__(self, path: str) -> None:
        self.path = path


class ScriptedLoadableModule:
    def __init__(self, parent: ModuleParent) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title, parent.helpText, parent.acknowledgementText = "", "template text", "template text"
        parent.categories, parent.dependencies, parent.contributors = [], [], ["template"]

    def resourcePath(self, filename: str) -> str:  # noqa: N802
        return str(Path(self.parent.path).parent / "Resources" / filename)

    def runTest(self, msec: int = 100, **kwargs: Any) -> None:  # noqa: N802
        test = getattr(sys.modules[type(self).__module__], f"{self.moduleName}Test")()
        test.messageDelay = msec
        test.runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.developerMode = False
        if parent is None:
            raise NotImplementedError("the stand-in does not make a window of its own")
        self.parent = parent
        self.layout = parent.layout()

    def resourcePath(self, filename: str) -> str:  # noqa: N802
        return str(Path(inspect.getfile(type(self))).parent / "Resources" / filename)

    def setup(self) -> None:
        """Nothing: the developer's section is not shown."""

    def cleanup(self) -> None:
        """Nothing."""

    def onReload(self) -> None:  # noqa: N802
        slicer.util.reloadScriptedModule(self.moduleName)


class ScriptedLoadableModuleLogic:
    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:  # noqa: N802
        if not self.isSingletonParameterNode:
            raise NotImplementedError("the stand-in knows singleton parameter nodes only")
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            return scene.AddNode(self.createParameterNode())
        # Closing a scene clears the attribute.
        if node.GetAttribute("ModuleName") != self.moduleName:
            node.SetAttribute("ModuleName", self.moduleName)
        return node

    def createParameterNode(self) -> Any:  # noqa: N802
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    messageDelay = 0  # noqa: N815

    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:  # noqa: N802, N803
        logging.info(message)

    def runTest(self) -> None:  # noqa: N802
        logging.warning("No test is defined in %s", type(self).__name__)
