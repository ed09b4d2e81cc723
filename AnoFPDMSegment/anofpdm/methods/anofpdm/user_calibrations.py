"""A model's calibrations, its own and those that a user made and named. Torch-free."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import ModelError
from ...store.model_folder import ModelFolder
from ...store.user_calibrations import OWN, check_name, store_user_calibration, user_calibration_file
from .calibration import Calibration, calibrations_to_json, load_calibrations
from .model_config import diffusion_config
from .operating_point import OperatingPoint
from .presets import calibration_of_preset, default_calibration


def calibrations_of(folder: ModelFolder, name: str | None = None) -> list[Calibration]:
    """The model's own calibrations (None or `default`), or those that the user named so.

    Raises SettingsError for a name there is not, ModelError for a file that is damaged or of other weights.
    """
    if name is None or name == OWN:
        return load_calibrations(folder.calibration) if folder.calibration else []
    return user_calibrations(folder.weights_sha256, name)


def usual_point(folder: ModelFolder, calibrations: Sequence[Calibration], preset: str | None = None) -> OperatingPoint:
    """How the model is run with these calibrations where nothing else is asked for.

    That is the preset's operating point, else the model's own; with a user's calibrations that do not cover it, that
    of the calibration they have in its place. Raises SettingsError for a preset that is not calibrated.
    """
    fitting = [c for c in calibrations if c.weights_sha256 == folder.weights_sha256]
    if preset is not None:
        return calibration_of_preset(fitting, preset, folder.config.name).operating_point
    own = diffusion_config(folder).operating_point
    if any(c.user_name for c in fitting) and all(c.operating_point != own for c in fitting):
        return default_calibration(fitting).operating_point
    return own


def user_calibrations(weights_sha256: str, name: str) -> list[Calibration]:
    """What the user calibrated for these weights under `name`; raises as `calibrations_of` does."""
    path = user_calibration_file(weights_sha256, name)
    calibrations = load_calibrations(path)
    if not calibrations:
        raise ModelError(f"{path} holds no calibration; make it again with --name {name} --replace.")
    if any(calibration.weights_sha256 != weights_sha256 for calibration in calibrations):
        raise ModelError(
            f"The calibration '{name}' ({path}) belongs to other weights than this model's; calibrate this model with "
            f"--name {name} --replace."
        )
    return [dataclasses.replace(calibration, user_name=path.stem) for calibration in calibrations]


def store_user_calibrations(
    calibrations: Sequence[Calibration], name: str, *, replace: bool = False, plot: bytes | None = None
) -> Path:
    """Write calibrations of one model, with their plot (PNG) beside them, whole or not at all; returns the file.

    Raises as `check_can_store` does.
    """
    check_name(name)
    named = [dataclasses.replace(calibration, user_name=name) for calibration in calibrations]
    text = calibrations_to_json(named)
    return store_user_calibration(calibrations[0].weights_sha256, name, text, replace=replace, plot=plot)
