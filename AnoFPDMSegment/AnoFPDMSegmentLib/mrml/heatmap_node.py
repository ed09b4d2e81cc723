"""The heatmap: a volume of scores with its own colors, transparent below a score the user sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .output_frame import OutputFrame
from .voxels import setIJKToRAS, setVoxels, voxelsOf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .scene_context import SceneContext

COLOR_TABLE_ATTRIBUTE = "AnoFPDM.HeatColors"
_COLORS = 256
DEFAULT_LOWEST_SCORE = 1.0


def createHeatmap(context: SceneContext, name: str, frame: OutputFrame, score: NDArray[np.float32]) -> Any:
    """A volume node of the scores [k, j, i] (of the case), 1 at the border of the mask."""
    node = context.addNode("vtkMRMLScalarVolumeNode", name)
    setIJKToRAS(node, frame.nodeIJKToRAS)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(heatColors(context).GetID())
    display.SetAutoWindowLevel(False)
    display.SetInterpolate(True)
    display.SetAutoThreshold(False)
    display.SetApplyThreshold(True)
    updateHeatmap(node, frame, score)
    showFrom(node, DEFAULT_LOWEST_SCORE)
    return node


def updateHeatmap(node: Any, frame: OutputFrame, score: NDArray[np.float32]) -> None:
    """New scores; the scale of colors runs from 1 to where 99 % of the findings end."""
    from anofpdm.results.heat_colors import top_of_scale

    setVoxels(node, frame.ordered(score))
    node.GetDisplayNode().SetWindowLevelMinMax(1.0, top_of_scale(score))


def updateBoxes(
    node: Any, frame: OutputFrame, boxes: list[tuple[tuple[slice, slice, slice], NDArray[np.float32]]]
) -> None:
    """New scores in some boxes [k, j, i] (of the case) alone: what a preview shows."""
    image = node.GetImageData()
    voxels = frame.ordered(voxelsOf(image))
    for box, values in boxes:
        voxels[box] = values
    image.GetPointData().GetScalars().Modified()
    image.Modified()
    # Slice layers listen to the node, not to its image.
    node.Modified()


def showFrom(node: Any, score: float) -> None:
    """Make the heatmap transparent below a score."""
    from anofpdm.volumes.score_volume import LARGEST_SCORE

    node.GetDisplayNode().SetThreshold(score, LARGEST_SCORE)


def heatColors(context: SceneContext) -> Any:
    """The color table of all heatmaps of the scene; made at first use."""
    for node in context.nodes("vtkMRMLColorTableNode"):
        if node.GetAttribute(COLOR_TABLE_ATTRIBUTE):
            return node
    from anofpdm.results.heat_colors import heat_rgb

    table = context.addNode("vtkMRMLColorTableNode", "AnoFPDM heat")
    table.SetTypeToUser()
    table.SetAttribute(COLOR_TABLE_ATTRIBUTE, "1")
    table.SetAttribute("Category", "AnoFPDM")
    table.SetNumberOfColors(_COLORS)
    # Listeners hear of the table once, not of each color.
    modified = table.StartModify()
    for index, (red, green, blue) in enumerate(heat_rgb(np.linspace(1, 2, _COLORS, dtype=np.float32), 2.0) / 255.0):
        table.SetColor(index, f"{index}", red, green, blue, 1.0)
    table.EndModify(modified)
    return table
