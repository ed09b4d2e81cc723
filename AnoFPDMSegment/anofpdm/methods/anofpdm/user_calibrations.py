"""Calibrations that a user made and named, one file each, beside the user's models. Torch-free.

They lie under the weights they belong to: `calibrations/<first digits of the weights' SHA-256>/<name>.json`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import ModelError, OutputError, SettingsError
from ...core.names import PLAIN_RULE, is_plain_name
from ...core.output_set import check_output_directory, write_files
from ...store.model_folder import ModelFolder
from ...store.model_search import user_data_folder
from .calibration import Calibration, calibrations_to_json, load_calibrations
from .model_config import diffusion_config
from .operating_point import OperatingPoint
from .presets import calibration_of_preset, default_calibration

OWN = "default"
"""Names the calibrations that the model itself brings."""
_DIGITS = 16
_ENDING = ".json"


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
    check_name(name)
    path = _existing(weights_sha256, name)
    if path is None:
        raise SettingsError(_unknown(weights_sha256, name))
    calibrations = load_calibrations(path)
    if not calibrations:
        raise ModelError(f"{path} holds no calibration; make it again with --name {name} --replace.")
    if any(calibration.weights_sha256 != weights_sha256 for calibration in calibrations):
        raise ModelError(
            f"The calibration '{name}' ({path}) belongs to other weights than this model's; calibrate this model with "
            f"--name {name} --replace."
        )
    return [dataclasses.replace(calibration, user_name=path.stem) for calibration in calibrations]


def user_calibration_names(weights_sha256: str) -> list[str]:
    """Names of the user's calibrations for these weights, sorted."""
    try:
        entries = list(_place(weights_sha256).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"The calibrations in {_place(weights_sha256)} cannot be read ({error.strerror}).") from error
    return sorted(entry.stem for entry in entries if entry.suffix == _ENDING and is_plain_name(entry.stem))


def check_can_store(weights_sha256: str, name: str, *, replace: bool) -> None:
    """Find out before a long run whether a calibration of this name could be written; leaves no trace.

    Raises SettingsError for a name that cannot be used, OutputError if there is one already (unless it is to be
    replaced) or the folder cannot be written to.
    """
    check_name(name)
    path = _existing(weights_sha256, name)
    if path is not None and not replace:
        raise OutputError(
            f"There is a calibration '{path.stem}' of this model already; add --replace or choose another name."
        )
    check_output_directory(_place(weights_sha256))


def store_user_calibrations(
    calibrations: Sequence[Calibration], name: str, *, replace: bool = False, plot: bytes | None = None
) -> Path:
    """Write calibrations of one model, with their plot (PNG) beside them, whole or not at all; returns the file.

    Raises as `check_can_store` does.
    """
    weights = calibrations[0].weights_sha256
    check_can_store(weights, name, replace=replace)
    earlier = _existing(weights, name)
    named = [dataclasses.replace(calibration, user_name=name) for calibration in calibrations]
    text = calibrations_to_json(named).encode("utf-8")
    path = _place(weights) / (earlier.name if earlier is not None else name + _ENDING)
    picture = path.with_suffix(".png")
    contents = {path.name: text} | ({picture.name: plot} if plot is not None else {})
    write_files(path.parent, contents)
    if plot is None:
        picture.unlink(missing_ok=True)  # of the calibration that was replaced
    return path


def check_name(name: str) -> None:
    """Raise SettingsError unless `name` can name a user's calibration."""
    if name.casefold() == OWN:
        raise SettingsError(f"'{OWN}' names the model's own calibration; choose another name, or leave --name out.")
    if not is_plain_name(name):
        raise SettingsError(f"'{name}' cannot name a calibration; use {PLAIN_RULE}.")


def _place(weights_sha256: str) -> Path:
    return user_data_folder() / "calibrations" / weights_sha256[:_DIGITS]


def _existing(weights_sha256: str, name: str) -> Path | None:
    """The file of this name as disks compare it that do not tell A from a."""
    for other in user_calibration_names(weights_sha256):
        if other.casefold() == name.casefold():
            return _place(weights_sha256) / (other + _ENDING)
    return None


def _unknown(weights_sha256: str, name: str) -> str:
    elsewhere = [
        path
        for path in (user_data_folder() / "calibrations").glob(f"*/*{_ENDING}")
        if path.stem.casefold() == name.casefold()
    ]
    if elsewhere:
        return f"The calibration '{name}' belongs to other weights; calibrate this model with --name {name}."
    there = ", ".join([OWN, *user_calibration_names(weights_sha256)])
    return f"There is no calibration '{name}' of this model; there are {there}."
