"""What a reader of the figures must know about the labels that methods were tuned with. Torch-free."""

from __future__ import annotations

from ..calibration import load_calibrations
from ..store.model_folder import ModelFolder
from .method_output import MethodInput
from .request import EvaluationRequest


def tuning_cautions(request: EvaluationRequest, folder: ModelFolder, given: MethodInput) -> list[str]:
    """Sentences, one for each way in which the labels of the measured slices made the figures better."""
    found = []
    if given.tuning is given.measured:
        found.append(
            "Thresholds and settings were tuned with the image-level labels of the measured slices themselves, which "
            "flatters what was tuned with them; name another --tuning-split where there is one."
        )
    calibrations = load_calibrations(folder.calibration) if folder.calibration else []
    here = f"{request.manifest.name}, split {request.split}"
    if any(calibration.source == here and calibration.slices == len(given.measured) for calibration in calibrations):
        found.append(f"The model's own calibration comes from the labels of these slices, too ({here}).")
    return found
