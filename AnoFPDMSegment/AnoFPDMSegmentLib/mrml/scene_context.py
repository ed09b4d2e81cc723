"""Where the scene and what belongs to it come from: the application, or a scene of our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slicer import vtkMRMLApplicationLogic, vtkMRMLScene, vtkMRMLSubjectHierarchyNode


@dataclass(frozen=True)
class SceneContext:
    """One scene with the application logic that serves it."""

    scene: vtkMRMLScene
    applicationLogic: vtkMRMLApplicationLogic
    owned: tuple[Any, ...] = ()
    """Module logics that live as long as this context: the application logic only points at them."""

    @classmethod
    def ofApplication(cls) -> SceneContext:
        """The running application's scene."""
        import slicer

        return cls(slicer.mrmlScene, slicer.app.applicationLogic())

    @property
    def subjectHierarchy(self) -> vtkMRMLSubjectHierarchyNode:
        """The scene's subject hierarchy; made if there is none."""
        return vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)

    def moduleLogic(self, name: str) -> Any:
        """The logic of a loaded module, such as "Segmentations"; None if it is not loaded."""
        return self.applicationLogic.GetModuleLogic(name)

    def addNode(self, className: str, name: str, *, hidden: bool = False) -> Any:
        """A new node of the scene, its name made unique."""
        node = self.scene.CreateNodeByClass(className)
        node.UnRegister(None)  # the scene's and Python's references are enough
        node.SetName(self.freeName(name))
        node.SetHideFromEditors(hidden)
        return self.scene.AddNode(node)

    def freeName(self, name: str) -> str:
        """The name, or one like it that no node has."""
        return str(self.scene.GenerateUniqueName(name)) if self.scene.GetFirstNodeByName(name) else name

    def nodes(self, className: str) -> list[Any]:
        """The scene's nodes of a class."""
        collection = self.scene.GetNodesByClass(className)
        collection.UnRegister(None)
        return [collection.GetItemAsObject(index) for index in range(collection.GetNumberOfItems())]

    def removeNode(self, node: Any) -> None:
        """Take a node out of the scene, with the display and storage nodes that were its own."""
        extras = []
        if node.IsA("vtkMRMLDisplayableNode"):
            extras += [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
        if node.IsA("vtkMRMLStorableNode"):
            extras += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
        self.scene.RemoveNode(node)
        for extra in extras:
            if extra is not None and self.scene.IsNodePresent(extra):
                self.scene.RemoveNode(extra)
