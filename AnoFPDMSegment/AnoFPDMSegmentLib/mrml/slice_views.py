"""The slice views: the input in grey with the heatmap over it, at the place of a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer

from .voxels import arrayOfMatrix, isTransformLinear, parentToWorld

if TYPE_CHECKING:
    from .output_frame import OutputFrame
    from .scene_context import SceneContext


def showInSliceViews(context: SceneContext, background: Any, foreground: Any, opacity: float) -> None:
    """Put both volumes into all slice views; where they stand stays as it is."""
    for composite in context.nodes("vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(background.GetID() if background else None)
        composite.SetForegroundVolumeID(foreground.GetID() if foreground else None)
        composite.SetForegroundOpacity(opacity)


def slicePairs(context: SceneContext) -> list[tuple[Any, Any]]:
    """Slice node and composite node of every slice view."""
    pairs = [(node, slicer.vtkMRMLSliceLogic.GetSliceCompositeNode(node)) for node in context.nodes("vtkMRMLSliceNode")]
    return [(node, composite) for node, composite in pairs if composite is not None]


def shownPairs(context: SceneContext) -> list[tuple[Any, Any]]:
    """Those of the views in the layout; of all where none is."""
    pairs = slicePairs(context)
    return [pair for pair in pairs if pair[0].IsMappedInLayout()] or pairs


def imageIn(composite: Any) -> Any:
    """The volume that a view shows underneath everything else; None where it shows none."""
    identity = composite.GetBackgroundVolumeID() or composite.GetForegroundVolumeID()
    return composite.GetScene().GetNodeByID(identity) if identity else None


def centreSliceViews(context: SceneContext, pointRAS: tuple[float, float, float]) -> None:
    """Jump all slice views to a point of the world and bring it to their middle."""
    for node in context.nodes("vtkMRMLSliceNode"):
        node.JumpSliceByCentering(*pointRAS)


def fitSliceViews(context: SceneContext) -> None:
    """Show the whole background in all slice views."""
    context.applicationLogic.FitSliceToAll()


def planesInVolume(context: SceneContext, node: Any, frame: OutputFrame) -> list[Any]:
    """The planes of the slice views in the voxel coordinates of the case (see LiveDetection.preview).

    Of the views in the layout, or of all where none is. Under a transform that is not linear a view shows no plane of
    the volume: then there are none.
    """
    import numpy as np

    if not isTransformLinear(node):
        return []
    toWorld = parentToWorld(node) @ frame.localFromRun @ frame.caseIJKToRAS
    views = context.nodes("vtkMRMLSliceNode")
    planes = []
    for view in [each for each in views if each.IsMappedInLayout()] or views:
        sliceToWorld = arrayOfMatrix(view.GetSliceToRAS())
        normal, origin = sliceToWorld[:3, 2], sliceToWorld[:3, 3]
        planes.append(np.array([*normal, -normal @ origin]) @ toWorld)
    return planes
