"""Where models are looked for, by name or path. Torch-free.

Three places, the later overriding the earlier where names are equal: the folder delivered with the
package, the user's data folder, and the folders named in the environment variable ANOFPDM_MODELS
(separated like PATH). Each holds one folder per model, whose name is the model's name there. A file
`default.txt` in such a place names the model to use when none is asked for.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ..core.bounded_file import read_text_at_most
from ..core.errors import ModelError
from ..core.names import PLAIN_RULE, is_plain_name
from .model_config import CONFIG_FILE, load_model_config
from .model_folder import WEIGHTS_FILE, ModelFolder, open_model_folder

MODELS_VARIABLE = "ANOFPDM_MODELS"
DEFAULT_FILE = "default.txt"
LONGEST_NAME = 1024
BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "models"


@dataclass(frozen=True)
class ModelEntry:
    """A model in the list; `error` says why it cannot be used, empty when nothing speaks against it."""

    name: str
    path: Path
    title: str
    error: str


def user_data_folder() -> Path:
    """The folder for what the present user adds: models, calibrations."""
    try:
        home = Path.home()
    except RuntimeError:  # an account without a home, as in some containers
        home = Path("~")
    if sys.platform == "win32":
        base = os.environ.get("APPDATA")
        return (Path(base) if base else home / "AppData" / "Roaming") / "AnoFPDM"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "AnoFPDM"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else home / ".local" / "share") / "anofpdm"


def user_folder() -> Path:
    """The folder for models of the present user."""
    return user_data_folder() / "models"


def search_places() -> list[Path]:
    """The folders searched, those that override last."""
    listed = os.environ.get(MODELS_VARIABLE, "").split(os.pathsep)
    return [BUNDLED_FOLDER, user_folder(), *(_expanded(entry) for entry in listed if entry.strip())]


def _expanded(text: str) -> Path:
    """The path with the home folder in place of `~`, where it is known."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def list_models() -> list[ModelEntry]:
    """Every model found, sorted by name. Weights are not read, so damage to them does not show here."""
    return [_entry(name, path) for name, path in sorted(_found().items())]


def find_model(name_or_path: str | Path) -> ModelFolder:
    """Open a model by its name in the list or by the path of its folder, with all checks.

    A name is tried in the list first. Raises ModelError with the names there are if it is unknown,
    and with the reason if the model is there but damaged.
    """
    text = str(name_or_path)
    is_name = isinstance(name_or_path, str) and text == Path(text).name
    if is_name and (known := _found().get(text)) is not None:
        return open_model_folder(_named_well(known))
    path = _expanded(text)
    if path.is_dir() or not is_name:
        return open_model_folder(path)
    raise ModelError(f"There is no model named '{text}'; {_what_there_is()}.")


def model_path(name: str) -> Path | None:
    """The folder of the model that this name means in the list; None if there is none."""
    return _found().get(name)


def find_model_of_weights(weights_sha256: str) -> ModelFolder:
    """The model in the list whose weights have this SHA-256; they are not read. Raises ModelError if there is none."""
    for path in _found().values():
        try:
            folder = open_model_folder(path, verify_weights=False)
        except ModelError:
            continue  # one of the others may be sound
        if folder.weights_sha256 == weights_sha256:
            return folder
    raise ModelError(f"No model of these weights was found (SHA-256 {weights_sha256[:16]}...); {_what_there_is()}.")


def default_model_name() -> str:
    """The model to use when none is named: the one in the last place's `default.txt`, or the only one.

    Raises ModelError if that leaves the choice open.
    """
    found = _found()
    for place in reversed(search_places()):
        try:
            name = read_text_at_most(place / DEFAULT_FILE, LONGEST_NAME).strip()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise ModelError(f"{place / DEFAULT_FILE} cannot be read ({error}); name the model to use.") from error
        if name not in found:
            raise ModelError(f"{place / DEFAULT_FILE} names the model '{name}', but {_what_there_is()}.")
        return name
    if len(found) == 1:
        return next(iter(found))
    raise ModelError(f"Name the model to use; {_what_there_is()}.")


def model_of_method(method: str) -> str:
    """The model to use where only a method is named.

    The default model if it is of that method, else the one of its name, else the only one.

    Raises ModelError if that leaves the choice open.
    """
    names = [name for name, path in sorted(_found().items()) if _method(path) == method]
    if not names:
        raise ModelError(f"There is no model of the method '{method}'; {_what_there_is()}.")
    with contextlib.suppress(ModelError):
        usual = default_model_name()
        if usual in names:
            return usual
    if method in names:
        return method
    if len(names) > 1:
        raise ModelError(f"Name the model with --model; those of the method '{method}' are {', '.join(names)}.")
    return names[0]


def _method(path: Path) -> str:
    try:
        return load_model_config(path).method
    except ModelError:
        return ""


def _found() -> dict[str, Path]:
    """Model folders by name, the overriding ones only."""
    found: dict[str, Path] = {}
    for place in search_places():
        try:
            folders = [entry for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ModelError(f"The folder of models {place} cannot be read ({error.strerror}).") from error
        for folder in folders:
            if (folder / CONFIG_FILE).exists() or (folder / WEIGHTS_FILE).exists():
                found[folder.name] = folder
    return found


def _entry(name: str, path: Path) -> ModelEntry:
    try:
        return ModelEntry(name, path, load_model_config(_named_well(path)).title, "")
    except ModelError as error:
        return ModelEntry(name, path, name, str(error))


def _named_well(path: Path) -> Path:
    """The folder itself. Raises ModelError if it is called what no model may be called."""
    if not is_plain_name(path.name):
        raise ModelError(f"The folder {path} cannot name a model; rename it with {PLAIN_RULE}.")
    return path


def _what_there_is() -> str:
    names = sorted(_found())
    if names:
        return f"the models here are {', '.join(names)}"
    return f"no model was found in {', '.join(str(place) for place in search_places())}"
