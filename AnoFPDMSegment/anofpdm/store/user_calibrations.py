"""Where calibrations lie that a user made and named: one file each, beside the user's models. Torch-free.

They lie under the weights they belong to: `calibrations/<first digits of the weights' SHA-256>/<name>.json`; what such
a file holds is its method's own.
"""

from __future__ import annotations

from pathlib import Path

from ..core.errors import ModelError, OutputError, SettingsError
from ..core.names import PLAIN_RULE, is_plain_name
from ..core.output_set import check_output_directory, write_files
from .model_search import user_data_folder

OWN = "default"
"""Names the calibration that the model itself brings."""
_DIGITS = 16
_ENDING = ".json"


def user_calibration_file(weights_sha256: str, name: str) -> Path:
    """What the user keeps for these weights under `name`. Raises SettingsError if there is nothing."""
    check_name(name)
    path = _existing(weights_sha256, name)
    if path is None:
        raise SettingsError(_unknown(weights_sha256, name))
    return path


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


def store_user_calibration(
    weights_sha256: str, name: str, text: str, *, replace: bool = False, plot: bytes | None = None
) -> Path:
    """Write a calibration's file, with its plot (PNG) beside it, whole or not at all; returns the file.

    Raises as `check_can_store` does.
    """
    check_can_store(weights_sha256, name, replace=replace)
    earlier = _existing(weights_sha256, name)
    path = _place(weights_sha256) / (earlier.name if earlier is not None else name + _ENDING)
    picture = path.with_suffix(".png")
    contents = {path.name: text.encode("utf-8")} | ({picture.name: plot} if plot is not None else {})
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
