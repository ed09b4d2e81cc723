"""Two patients in a scene, with their images and results, in slice views."""

from __future__ import annotations

from typing import Any

import numpy as np
from evidence_makers import axial_geometry, make_case
from scene_makers import add_volume

from anofpdm.results.detection import build_detection
from AnoFPDMSegmentLib.mrml import slice_views
from AnoFPDMSegmentLib.mrml.headless import SLICE_VIEWS, addSliceView
from AnoFPDMSegmentLib.mrml.output_frame import geometryMatrix
from AnoFPDMSegmentLib.mrml.result import Result
from AnoFPDMSegmentLib.mrml.voxels import voxelsOf

LEFT = ((-30.0, 20.0, -10.0), 14.0)
RIGHT = ((28.0, -14.0, 21.0), 16.0)


def add_views(scene: Any) -> list[Any]:
    """The three slice views, wide enough for a head."""
    views = [addSliceView(scene, name) for name in SLICE_VIEWS]
    for view in views:
        view.GetSliceNode().SetDimensions(240, 240, 1)
        view.GetSliceNode().SetFieldOfView(240, 240, 1)
    return views


def add_image(scene: Any, name: str, gray: int, patient: str = "", study: str = "") -> Any:
    """A volume of one patient: even gray."""
    geometry = axial_geometry()
    voxels = np.full(geometry.array_shape, gray, np.int16)
    voxels[0, 0, 0] = 0
    node = add_volume(scene, voxels, geometryMatrix(geometry), name)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 255)
    if patient:
        put_under(scene, node, patient, study)
    return node


def put_under(scene: Any, node: Any, patient: str, study: str) -> None:
    """Where DICOM's reader puts a volume."""
    hierarchy = scene.subjectHierarchy
    top = hierarchy.GetSceneItemID()
    above = hierarchy.CreateStudyItem(hierarchy.CreateSubjectItem(top, patient), study)
    item = hierarchy.GetItemByDataNode(node)
    if item:
        hierarchy.SetItemParent(item, above)
    else:
        hierarchy.CreateItem(above, node)


def add_result(scene: Any, image: Any, *balls: Any) -> Result:
    """A detection in an image, with a finding for each ball."""
    return Result.create(scene, image, build_detection(make_case(axial_geometry(), balls)))


def look_at(scene: Any, image: Any) -> None:
    """The user, or Slicer itself as it loads an image, puts it under every view and leaves what lies over it."""
    for _, composite in slice_views.slicePairs(scene):
        composite.SetBackgroundVolumeID(image.GetID() if image is not None else None)


def step_to(image: Any, gray: int) -> None:
    """As the proxy volume of a sequence: another time point's image in the same node."""
    import vtk

    other = vtk.vtkImageData()
    other.DeepCopy(image.GetImageData())
    voxelsOf(other)[...] = gray
    voxelsOf(other)[0, 0, 0] = 0
    image.SetAndObserveImageData(other)


def foregrounds(scene: Any) -> list[Any]:
    """Of all slice views."""
    return [composite.GetForegroundVolumeID() for _, composite in slice_views.slicePairs(scene)]


def backgrounds(scene: Any) -> list[Any]:
    """Of all slice views."""
    return [composite.GetBackgroundVolumeID() for _, composite in slice_views.slicePairs(scene)]


def outlined_in(scene: Any, result: Result) -> list[str]:
    """The slice views in which Slicer draws the outline."""
    display = result.segmentationNode.GetDisplayNode()
    return [
        view.GetLayoutName()
        for view, _ in slice_views.slicePairs(scene)
        if display.GetVisibility() and display.GetVisibility2D() and display.IsDisplayableInView(view.GetID())
    ]


def centers(scene: Any) -> np.ndarray:
    """RAS [view, 3] of the middle of each slice view."""
    nodes = [view for view, _ in slice_views.slicePairs(scene)]
    return np.array([[node.GetSliceToRAS().GetElement(row, 3) for row in range(3)] for node in nodes])
