"""A scene with module logics, without the application: for `anofpdm-scene` and for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import slicer
import vtk

from .scene_context import SceneContext

_MODULE_LOGICS = {
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Texts": "vtkSlicerTextsLogic",
}
SLICE_VIEWS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
"""Layout name of the usual slice views, and their orientation."""


@contextmanager
def headlessScene() -> Iterator[SceneContext]:
    """A scene of slicer-core with everything a result needs; its temporary files go when it ends."""
    from anofpdm.core.private_folder import PrivateFolder

    with PrivateFolder() as folder:
        context = _makeScene(folder.path)
        try:
            yield context
        finally:
            context.scene.Clear(True)


def _makeScene(folder: Path) -> SceneContext:
    scene = slicer.vtkMRMLScene()
    application = slicer.vtkSlicerApplicationLogic()
    application.SetTemporaryPath(str(folder))
    application.SetMRMLScene(scene)
    logics = _addFileAccess(scene, application, folder)
    colors = application.GetColorLogic()
    colors.SetMRMLScene(scene)
    colors.AddDefaultColorNodes()
    application.SetModuleLogic("Colors", colors)
    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    logics.append(colors)
    for name, className in _MODULE_LOGICS.items():
        logic = getattr(slicer, className)()
        logics.append(logic)
        logic.SetMRMLApplicationLogic(application)
        logic.SetMRMLScene(scene)
        application.SetModuleLogic(name, logic)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
    context = SceneContext(scene, application, tuple(logics))
    context.subjectHierarchy  # noqa: B018 - made now, so that nodes added later find it
    return context


def _addFileAccess(
    scene: slicer.vtkMRMLScene, application: slicer.vtkSlicerApplicationLogic, folder: Path
) -> list[Any]:
    """What storage nodes and bundles need to read and write."""
    remote = slicer.vtkMRMLRemoteIOLogic()
    cache = folder / "cache"
    cache.mkdir()
    remote.GetCacheManager().SetRemoteCacheDirectory(str(cache))
    remote.SetMRMLScene(scene)
    data = slicer.vtkDataIOManagerLogic()
    data.SetMRMLApplicationLogic(application)
    data.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    application.SetMRMLSceneDataIO(scene, remote, data)
    return [remote, data]


def addSliceView(context: SceneContext, layoutName: str) -> slicer.vtkMRMLSliceLogic:
    """A slice view without a window: its logic, with slice node and composite node in the scene.

    layoutName: Red, Yellow or Green.
    """
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(context.applicationLogic)
    logic.SetMRMLScene(context.scene)
    node = logic.AddSliceNode(layoutName)
    node.SetOrientation(SLICE_VIEWS[layoutName])
    # Of the bar over the view; a scene's slice nodes hand them to those of the application that opens it.
    node.SetLayoutLabel(layoutName[0])
    node.SetLayoutColor(*getattr(node, f"Get{layoutName}Color")())
    context.applicationLogic.GetSliceLogics().AddItem(logic)
    return logic
