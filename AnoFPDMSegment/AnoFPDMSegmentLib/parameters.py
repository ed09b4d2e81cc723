"""What the panel remembers in the scene."""

from __future__ import annotations

from typing import Annotated

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
