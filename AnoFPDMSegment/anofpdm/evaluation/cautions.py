"""What a reader of the figures must know about the labels that methods were tuned with. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from .method_output import MethodInput, MethodOutput
from .request import EvaluationRequest


def tuning_cautions(request: EvaluationRequest, given: MethodInput, outputs: Sequence[MethodOutput]) -> list[str]:
    """Sentences, one for each way in which the labels of the measured slices made the figures better."""
    found = []
    calibrations = [output.own_calibration for output in outputs if output.own_calibration is not None]
    tuned_here = any(o.tuned_with == "image labels" and o.own_calibration is None for o in outputs)
    if tuned_here and given.tuning is given.measured:
        subject = "Except where the model's own calibration is used, thresholds" if calibrations else "Thresholds"
        found.append(
            f"{subject} and settings were tuned with the image-level labels of the measured slices themselves, which "
            "flatters the rows tuned so; name another --tuning-split where there is one."
        )
    here = f"{request.manifest.name}, split {request.split}"
    if any(calibration.source == here and calibration.slices == len(given.measured) for calibration in calibrations):
        found.append(f"The model's own calibration was made with the labels of the measured slices ({here}).")
    return found
