"""The structures that a method outlines, as a segmentation of their own: the findings' stays one segment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer

from .output_frame import OutputFrame
from .segmentation_node import addSegment, emptySegmentation, labelmapOf

if TYPE_CHECKING:
    from anofpdm.methods.structures import Structures

    from .scene_context import SceneContext


def createAnatomy(context: SceneContext, name: str, inputNode: Any, frame: OutputFrame, structures: Structures) -> Any:
    """A segmentation node with a segment for each structure (labels [k, j, i] of the case); not visible yet."""
    from anofpdm.results.segmentation import STRUCTURE_TAGS, structure_color

    node = emptySegmentation(context, name, inputNode)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    for number, title in enumerate(structures.names, start=1):
        segmentId = f"Segment_{number}"
        addSegment(node, segmentId, title, structure_color(number), STRUCTURE_TAGS)
        labelmap = labelmapOf(frame, structures.labels == number)
        logic.SetBinaryLabelmapToSegment(labelmap, node, segmentId, logic.MODE_REPLACE)
    return node
