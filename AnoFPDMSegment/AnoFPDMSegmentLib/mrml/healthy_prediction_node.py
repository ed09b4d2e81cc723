"""The healthy prediction at t_e: what the model takes the slices to look like without lesion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .output_frame import OutputFrame
from .voxels import setIJKToRAS, setVoxels

if TYPE_CHECKING:
    from anofpdm.results.detection import Detection

    from .scene_context import SceneContext

_NOT_EXAMINED = -1.0
"""Black, as the air around the head."""


def createHealthyPrediction(context: SceneContext, name: str, frame: OutputFrame, detection: Detection) -> Any:
    """A volume node of the first used modality's healthy prediction on the model's stack of slices."""
    node = context.addNode("vtkMRMLScalarVolumeNode", name)
    setIJKToRAS(node, frame.placed(detection.case.grid))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(-1.0, 1.0)
    updateHealthyPrediction(node, detection)
    return node


def updateHealthyPrediction(node: Any, detection: Detection) -> None:
    """As the settings in use make it, as far as pictures go (see Detection.healthy_picture).

    None: of a method that predicts none.
    """
    picture = detection.healthy_picture
    if node is None or picture is None:
        return
    setVoxels(node, np.nan_to_num(detection.stack_of(picture.values), nan=_NOT_EXAMINED))
    node.SetDescription(picture.caption[0].upper() + picture.caption[1:])
