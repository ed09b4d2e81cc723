"""What `models info` prints of a diffusion model. Torch-free."""

from __future__ import annotations

from ...core.errors import AnoFPDMError
from ...store.model_folder import ModelFolder
from ...store.user_calibrations import user_calibration_names
from .calibration import Calibration, describe_point
from .model_config import diffusion_config
from .user_calibrations import calibrations_of, user_calibrations


def model_lines(folder: ModelFolder) -> list[str]:
    """Purpose, default operating point, its own and the user's calibrations. Raises ModelError."""
    config = diffusion_config(folder, None)
    return [
        *([] if config.purpose == "anofpdm" else [f"  purpose     {config.purpose}, a compared method of evaluate"]),
        f"  default     {describe_point(config.operating_point)}",
        *([_calibration_line(calibration) for calibration in calibrations_of(folder)] or ["  calibration none"]),
        *(
            line
            for name in user_calibration_names(folder.weights_sha256)
            for line in _user_lines(folder.weights_sha256, name)
        ),
    ]


def _user_lines(weights_sha256: str, name: str) -> list[str]:
    try:
        return [_calibration_line(entry) for entry in user_calibrations(weights_sha256, name)]
    except AnoFPDMError as error:
        return [f"  calibration '{name}' cannot be used: {error}"]


def _calibration_line(calibration: Calibration) -> str:
    averaged = ", maps averaged over neighbours" if calibration.consistency == "volume" else ""
    return (
        f"  calibration '{calibration.label}': {describe_point(calibration.operating_point)}; guidance strength "
        f"{calibration.default_guidance:g}, {calibration.decision} decision, {calibration.threshold} threshold in the "
        f"{calibration.region}{averaged}"
    )
