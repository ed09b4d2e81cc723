"""What is asked of a model that restores slices, checked against what it is and has. Torch-free."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ...core.errors import ModelError, SettingsError
from ..map_evidence import MapSettings
from ..map_method import MapCalibration
from .model_config import ReconstructionConfig, Sampling


def check_threshold(settings: MapSettings, calibration: MapCalibration) -> None:
    """Raises SettingsError for a model that was trained but never calibrated, unless the threshold is given."""
    if settings.threshold is None and calibration == MapCalibration():
        raise SettingsError("This model is not calibrated; run anofpdm calibrate, or give --threshold value=V.")


def sampling_of(config: ReconstructionConfig, run: Sampling | Mapping[str, Any] | None, most: int) -> Sampling:
    """The model's own sampling, with what is asked for put over it. `most`: noise levels that there are.

    Raises SettingsError.
    """
    if isinstance(run, Sampling):
        sampling = run
    else:
        try:
            sampling = dataclasses.replace(config.sampling, **(run or {}))
        except ModelError as error:
            reason = str(error).removeprefix("The model's configuration is wrong: ")
            raise SettingsError(f"These options do not fit together: {reason}") from error
    if sampling.level > most:
        raise SettingsError(f"--level takes at most the model's {most} noise levels, not {sampling.level}.")
    return sampling
