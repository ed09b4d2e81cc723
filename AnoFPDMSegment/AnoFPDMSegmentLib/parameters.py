"""What the panel remembers in the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from slicer import vtkMRMLScalarVolumeNode
from slicer.parameterNodeWrapper import Minimum, WithinRange, parameterNodeWrapper

MOST_INPUTS = 4
_EARLIER = {"encoding": "model", "noiseScale": "dynamic", "fixedEndStep": 6}
"""Parameters that were options of the method in version 0.1, with what they were unless chosen."""


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
    knobs: str = ""
    """What was chosen of methods' options for the next runs; see anofpdm.app.knob_choices."""
    device: str = "auto"

    encoding: str = "model"
    """This and the next two were chosen in scenes of version 0.1, and are among the options now; see `adoptEarlier`."""
    noiseScale: str = "dynamic"
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

    def adoptEarlier(self) -> None:
        """Take over what a scene of version 0.1 says of its method's options."""
        from anofpdm.app.knob_choices import with_choice
        from anofpdm.methods.registry import FIRST_METHOD, find_method

        remembered = {name: getattr(self, name) for name in _EARLIER}
        for name, text in find_method(FIRST_METHOD).earlier_choices(remembered).items():
            self.knobs = with_choice(self.knobs, FIRST_METHOD, name, text)
        for name, usual in _EARLIER.items():
            if remembered[name] != usual:
                setattr(self, name, usual)

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
