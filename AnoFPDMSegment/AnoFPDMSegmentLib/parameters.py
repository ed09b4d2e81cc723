"""What the panel remembers in the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from slicer import vtkMRMLScalarVolumeNode
from slicer.parameterNodeWrapper import Choice, Minimum, WithinRange, parameterNodeWrapper

MOST_INPUTS = 4


@parameterNodeWrapper
class AnoFPDMParameters:
    """Codes are those of the command line; texts shown for them are the panel's.

    inputVolume1 to inputVolume4: in the order of the model's modalities.
    model: name in the list of models; empty: the default model.
    calibration: name of the user's calibrations of the model, or default for its own.
    preset: name of one of these; empty: the first.
    """

    inputVolume1: vtkMRMLScalarVolumeNode
    inputVolume2: vtkMRMLScalarVolumeNode
    inputVolume3: vtkMRMLScalarVolumeNode
    inputVolume4: vtkMRMLScalarVolumeNode

    model: str = ""
    calibration: str = "default"
    preset: str = ""
    encoding: Annotated[str, Choice(["model", "ddim", "ddpm"])] = "model"
    device: str = "auto"

    useCalibratedGuidance: bool = True
    guidance: Annotated[float, WithinRange(0, 1000)] = 0.0
    useCalibratedScaling: bool = True
    scaling1: Annotated[float, Minimum(0)] = 0.0
    scaling2: Annotated[float, Minimum(0)] = 0.0
    scaling3: Annotated[float, Minimum(0)] = 0.0
    scaling4: Annotated[float, Minimum(0)] = 0.0
    noiseScale: Annotated[str, Choice(["dynamic", "fixed"])] = "dynamic"
    fixedEndStep: Annotated[int, Minimum(1)] = 6

    replaceResult: bool = True
    """A second run replaces the result of the first; otherwise it adds another."""

    showHeatmap: bool = True
    heatmapOpacity: Annotated[float, WithinRange(0, 1)] = 0.6
    heatmapFrom: Annotated[float, WithinRange(0, 10)] = 1.0
    """The score below which the heatmap is transparent."""
    showSegmentation: bool = True
    showHealthyPrediction: bool = False


class SceneParameters(AnoFPDMParameters):
    """Made once for a parameter node and used again; a disconnected panel leaves nothing on the node.

    Up to Slicer 5.10 `disconnectGui` leaves the observer of `connectParametersToGui` (mended in Slicer's pull request
    9063). It would hold these parameters for as long as the node lives, and be cleared under VTK's feet by Python's
    garbage collector once nothing else holds the node.
    """

    def __init__(self, parameterNode: Any) -> None:
        super().__init__(parameterNode)
        self._connecting: list[int] | None = None
        self._observersOfGui: dict[int, list[int]] = {}

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """Connect widgets to the parameters of these names; returns what `disconnectGui` takes."""
        self._connecting = []
        try:
            guiTag = super().connectParametersToGui(mapping)
            self._observersOfGui[guiTag] = self._connecting
        finally:
            self._connecting = None
        return guiTag

    def disconnectGui(self, guiTag: int) -> None:
        """Part widgets and parameters again."""
        super().disconnectGui(guiTag)
        for tag in self._observersOfGui.pop(guiTag, []):
            self.parameterNode.RemoveObserver(tag)

    def AddObserver(self, event: Any, callback: Callable[..., None], priority: float = 0.0) -> int:
        """Observe the node. Whoever calls it keeps these parameters until the observer is removed."""
        tag = super().AddObserver(event, callback, priority)
        if self._connecting is not None:
            self._connecting.append(tag)
        return tag
