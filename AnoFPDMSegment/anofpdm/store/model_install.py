"""Adding a model folder, or a zip file of one, to the user's models, and removing it. Torch-free."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ..errors import ModelError, OutputError
from .model_folder import (
    CALIBRATION_FILE,
    CHECKSUMS_FILE,
    PLOT_FILE,
    REQUIRED_FILES,
    ModelFolder,
    open_model_folder,
)
from .model_search import user_folder

MODEL_FILES = (*REQUIRED_FILES, CALIBRATION_FILE, PLOT_FILE, CHECKSUMS_FILE)
LARGEST_MODEL_BYTES = 16 << 30


def install_model(source: str | Path, place: Path | None = None) -> ModelFolder:
    """Copy a model into `place` (default: the user's models), complete and checked or not at all.

    Args:
        source: a model folder, or a zip file that holds its files, at its top or in one folder.

    The copy is named as its configuration says; other files that lie beside a model's own are left out.
    Raises ModelError if the source is no sound model and OutputError if it cannot be written or a model of
    that name is there already.
    """
    source, place = Path(source), place or user_folder()
    shelter = _make_shelter(place)
    try:
        unchecked = shelter / "model"
        unchecked.mkdir()
        if source.is_dir():
            _copy(source, unchecked)
        else:
            _unpack(source, unchecked)
        name = open_model_folder(unchecked).config.name
        target = place / name
        if target.exists():
            raise OutputError(f"There is a model named '{name}' in {place} already; remove it first.")
        unchecked.rename(target)
    except OSError as error:
        raise OutputError(
            f"The model could not be written to {place} ({error.strerror}); nothing was added."
        ) from error
    finally:
        shutil.rmtree(shelter, ignore_errors=True)
    return open_model_folder(target, verify_weights=False)


def remove_model(name: str, place: Path | None = None) -> Path:
    """Delete a model from `place` (default: the user's models) and return where it was.

    Raises ModelError if there is none of that name, or it holds files that are not a model's, and OutputError
    if it cannot be deleted.
    """
    place = place or user_folder()
    folder = place / name
    if Path(name).name != name or name.startswith(".") or not name or not folder.is_dir():
        raise ModelError(f"There is no model named '{name}' in {place}; only models added there can be removed.")
    foreign = sorted(entry.name for entry in folder.iterdir() if entry.name not in MODEL_FILES or entry.is_dir())
    if foreign:
        raise ModelError(f"{folder} holds '{foreign[0]}', which is not part of a model; delete the folder yourself.")
    try:
        # Out of the list at once: a half-deleted folder would be listed as a damaged model.
        doomed = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=place))
        folder.rename(doomed / name)
        shutil.rmtree(doomed)
    except OSError as error:
        raise OutputError(f"{folder} could not be removed ({error.strerror}); check its permissions.") from error
    return folder


def _make_shelter(place: Path) -> Path:
    try:
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".adding-", dir=place))
    except OSError as error:
        raise OutputError(f"The folder of models {place} cannot be written to ({error.strerror}).") from error


def _copy(source: Path, target: Path) -> None:
    for name in MODEL_FILES:
        if (source / name).is_file():
            try:
                stream = (source / name).open("rb")
            except OSError as error:
                raise ModelError(
                    f"{source / name} cannot be read ({error.strerror}); check its permissions."
                ) from error
            with stream, (target / name).open("wb") as copy:
                shutil.copyfileobj(stream, copy)
    _require_something(target, source)


def _unpack(source: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            members = _model_members(archive.infolist())
            if sum(member.file_size for member in members.values()) > LARGEST_MODEL_BYTES:
                raise ModelError(f"{source} unpacks to more than {LARGEST_MODEL_BYTES >> 30} GB; it is no model.")
            for name, member in members.items():
                # No name out of the archive is used as a path; reading checks size and checksum.
                with archive.open(member) as stream, (target / name).open("wb") as copy:
                    shutil.copyfileobj(stream, copy)
    except FileNotFoundError as error:
        raise ModelError(f"{source} does not exist; name a model folder or a zip file of one.") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError(f"{source} is not a readable zip file ({error}); name a model folder or its zip.") from error
    _require_something(target, source)


def _model_members(entries: Iterable[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files of the one model in an archive, by name."""
    folders: dict[PurePosixPath, dict[str, zipfile.ZipInfo]] = {}
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.name in MODEL_FILES and not entry.is_dir() and "__MACOSX" not in path.parts:
            folders.setdefault(path.parent, {})[path.name] = entry
    if len(folders) > 1:
        raise ModelError("The zip file holds several models; add each from a zip file or folder of its own.")
    return next(iter(folders.values()), {})


def _require_something(target: Path, source: Path) -> None:
    if not any(target.iterdir()):
        raise ModelError(f"{source} holds no model: {', '.join(MODEL_FILES)} are looked for.")
