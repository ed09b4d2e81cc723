"""The segmentation: one segment with name, color, terminology and the tags of an automatic algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk

from .output_frame import OutputFrame
from .terminology import terminologyEntry
from .voxels import fillImage, matrixOfArray, voxelsOf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .scene_context import SceneContext

SEGMENT_ID = "Anomaly"
_LABELMAP = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
_SURFACE = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()


def createSegmentation(
    context: SceneContext, name: str, inputNode: Any, frame: OutputFrame, mask: Any, gate: str
) -> Any:
    """A segmentation node with the mask [k, j, i] (of the case) as its one segment; not visible yet.

    The input is its reference volume, in whose grid Slicer edits and exports it. gate: see `tellGate`.
    """
    from anofpdm.results.segmentation import SEGMENT_COLOR, SEGMENT_NAME, SEGMENT_TAGS

    node = emptySegmentation(context, name, inputNode)
    termed = {slicer.vtkSegment.GetTerminologyEntryTagName(): terminologyEntry(context)}
    addSegment(node, SEGMENT_ID, SEGMENT_NAME, SEGMENT_COLOR, {**SEGMENT_TAGS, **termed})
    tellGate(node, gate)
    writeMask(node, frame, mask)
    return node


def tellGate(node: Any, words: str) -> None:
    """Note on our segment what the gate says of the image; saved and exported with it."""
    from anofpdm.results.segmentation import GATE_TAG

    segment = node.GetSegmentation().GetSegment(SEGMENT_ID)
    if segment is not None:
        segment.SetTag(GATE_TAG, words)


def emptySegmentation(context: SceneContext, name: str, inputNode: Any) -> Any:
    """A segmentation node without segments on the grid of the input, shown as outlines; not visible yet."""
    node = context.addNode("vtkMRMLSegmentationNode", name)
    node.SetReferenceImageGeometryParameterFromVolumeNode(inputNode)
    node.SetSourceRepresentationToBinaryLabelmap()
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetVisibility(False)
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetSliceIntersectionThickness(2)
    return node


def addSegment(
    node: Any, segmentId: str, name: str, color: tuple[float, float, float], tags: Mapping[str, str]
) -> None:
    """Add an empty segment."""
    segment = slicer.vtkSegment()
    segment.SetName(name)
    segment.SetColor(*color)
    for tag, value in tags.items():
        segment.SetTag(tag, value)
    segment.AddRepresentation(_LABELMAP, slicer.vtkOrientedImageData())
    node.GetSegmentation().AddSegment(segment, segmentId)


def writeMask(node: Any, frame: OutputFrame, mask: NDArray[np.bool_]) -> None:
    """Replace the content of our segment by the mask [k, j, i] (of the case); other segments stay."""
    labelmap = labelmapOf(frame, mask)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(labelmap, node, SEGMENT_ID, logic.MODE_REPLACE)


def labelmapOf(frame: OutputFrame, mask: NDArray[np.bool_]) -> slicer.vtkOrientedImageData:
    """The mask's bounding box as an oriented image; one voxel of background where there is nothing."""
    from anofpdm.volumes.bounding_box import bounding_box

    ordered = frame.ordered(mask)
    box = bounding_box(ordered)
    image = slicer.vtkOrientedImageData()
    fillImage(image, ordered[box].astype(np.uint8))
    start = np.array([part.start for part in reversed(box)])
    image.SetExtent([int(n) for s, size in zip(start, image.GetDimensions(), strict=True) for n in (s, s + size - 1)])
    image.SetImageToWorldMatrix(matrixOfArray(frame.nodeIJKToRAS))
    return image


def readMask(
    node: Any, frame: OutputFrame, shape: tuple[int, int, int], segmentId: str = SEGMENT_ID
) -> NDArray[np.bool_]:
    """The content of a segment (ours) on the case's grid [k, j, i]; all False if the segment is gone."""
    mask = np.zeros(shape, dtype=bool)
    labelmap = segmentLabelmap(node, segmentId)
    if labelmap is None:
        return mask
    reference = slicer.vtkOrientedImageData()
    reference.SetDimensions(shape[::-1])
    reference.SetImageToWorldMatrix(matrixOfArray(frame.nodeIJKToRAS))
    resampled = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        labelmap, reference, resampled, False, False
    )
    mask[...] = frame.ordered(voxelsOf(resampled)) != 0
    return mask


def segmentLabelmap(node: Any, segmentId: str = SEGMENT_ID) -> slicer.vtkOrientedImageData | None:
    """A copy of the labelmap of a segment (ours); None if the segment is gone or empty."""
    if node.GetSegmentation().GetSegment(segmentId) is None:
        return None
    image = slicer.vtkOrientedImageData()
    if not node.GetBinaryLabelmapRepresentation(segmentId, image) or image.IsEmpty():
        return None
    return image


def segmentVolume(node: Any) -> float:
    """What our segment measures, in mm3 of its own coordinates; 0 if it is gone or empty."""
    labelmap = segmentLabelmap(node)
    if labelmap is None:
        return 0.0
    matrix = vtk.vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    return float(np.count_nonzero(voxelsOf(labelmap)) * abs(matrix.Determinant()))


def showSurface(node: Any, shown: bool) -> None:
    """The closed surface for 3-D views, made on demand."""
    if shown:
        node.CreateClosedSurfaceRepresentation()
    elif isSurfaceShown(node):
        node.RemoveClosedSurfaceRepresentation()


def isSurfaceShown(node: Any) -> bool:
    """Whether there is a closed surface."""
    return bool(node.GetSegmentation().ContainsRepresentation(_SURFACE))


def showOutline(node: Any, shown: bool) -> None:
    """Show or hide the outline in slice views; the surface stays as it is."""
    node.GetDisplayNode().SetVisibility2D(shown)
