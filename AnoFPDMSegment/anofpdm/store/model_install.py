"""Adding a model folder, or a zip file of one, to the user's models, and removing it. Torch-free."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from ..core.bounded_file import require_regular
from ..core.checksums import CHECKSUMS_FILE
from ..core.errors import ModelError, OutputError, SettingsError
from ..core.names import PLAIN_RULE, is_plain_name
from ..core.plain_text import brief
from ..methods.registry import find_method
from .model_config import load_model_config
from .model_folder import (
    LARGEST_FILES,
    MODEL_FILES,
    WEIGHTS_FILE,
    ModelFolder,
    open_model_folder,
    read_checksums,
)
from .model_search import model_path, user_folder
from .weights_file import largest_weights

LARGEST_MODEL_BYTES = 16 << 30
MOST_ENTRIES = 10_000
_CHUNK_BYTES = 1 << 20


def install_model(
    source: str | Path,
    place: Path | None = None,
    *,
    name: str | None = None,
    check: Callable[[ModelFolder], object] | None = None,
) -> ModelFolder:
    """Copy a model into `place` (default: the user's models), complete and checked or not at all.

    Args:
        source: a model folder, or a zip file that holds one, at its top or in one folder.
        name: what it is to be called there; by default what its configuration says.
        check: called with the copy before it takes its place, to refuse it by raising.

    Other files that lie beside a model's own are left out. Raises ModelError if the source is no sound model,
    SettingsError for a name that no folder can have, OutputError if it cannot be written or a model of that name is
    there already.
    """
    source = Path(source)
    in_list, place = place is None, place or user_folder()
    if name is not None:
        _check_name(name)
    shelter = _make_shelter(place)
    try:
        unchecked = shelter / "model"
        unchecked.mkdir()
        if source.is_dir():
            _copy(source, unchecked)
        else:
            _unpack(source, unchecked)
        folder = open_model_folder(unchecked)
        find_method(folder.config.method).check_model(folder)
        chosen = name or folder.config.name
        _check_name(chosen)
        taken = model_path(chosen) if in_list else None
        if taken is not None or (place / chosen).exists():
            raise OutputError(
                f"There is a model named '{chosen}' already ({taken or place / chosen}); remove it first, or give "
                "the new one another name."
            )
        if check is not None:
            check(folder)
        unchecked.rename(place / chosen)
    except ModelError as error:
        # The copy is gone when this is read.
        raise ModelError(str(error).replace(str(unchecked), str(source))) from error
    except OSError as error:
        raise OutputError(
            f"The model could not be written to {place} ({error.strerror}); nothing was added."
        ) from error
    finally:
        shutil.rmtree(shelter, ignore_errors=True)
    return open_model_folder(place / chosen, verify_weights=False)


def remove_model(name: str, place: Path | None = None) -> Path:
    """Delete a model from `place` (default: the user's models) and return where it was.

    Raises ModelError if there is none of that name, or it holds files that are not a model's, and OutputError
    if it cannot be deleted.
    """
    in_list, place = place is None, place or user_folder()
    folder = place / name
    if Path(name).name != name or name.startswith(".") or not name or not folder.is_dir():
        elsewhere = model_path(name) if in_list else None
        if elsewhere is not None:
            raise ModelError(f"The model '{name}' lies in {elsewhere.parent}, from where it cannot be removed here.")
        raise ModelError(f"There is no model named '{name}' in {place}; only models added there can be removed.")
    foreign = _foreign_files(folder)
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


def _check_name(name: str) -> None:
    if not is_plain_name(name):
        raise SettingsError(f"'{name}' cannot name a model; use {PLAIN_RULE}.")


def _foreign_files(folder: Path) -> list[str]:
    own = {PurePosixPath(name) for name in MODEL_FILES}
    folders = {parent for path in own for parent in path.parents}
    found = [(PurePosixPath(entry.relative_to(folder).as_posix()), entry) for entry in folder.rglob("*")]
    return sorted(str(path) for path, entry in found if path not in (folders if entry.is_dir() else own))


def _make_shelter(place: Path) -> Path:
    try:
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".adding-", dir=place))
    except OSError as error:
        raise OutputError(f"The folder of models {place} cannot be written to ({error.strerror}).") from error


def _copy(source: Path, target: Path) -> None:
    if not (source / CHECKSUMS_FILE).exists():
        raise ModelError(f"{source} holds no model: it has no {CHECKSUMS_FILE}.")

    def copy(name: str, most: int) -> None:
        if not (source / name).is_file():
            raise ModelError(f"{source} lacks {name}, which its {CHECKSUMS_FILE} lists.")
        try:
            stream = (source / name).open("rb")
        except OSError as error:
            raise ModelError(f"{source / name} cannot be read ({error.strerror}); check its permissions.") from error
        with stream:
            _write(stream, target / name, most)

    _take(copy, source, target)


def _unpack(source: Path, target: Path) -> None:
    try:
        require_regular(source)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(f"{source} does not exist; name a model folder or a zip file of one.") from error
    except OSError as error:
        raise ModelError(f"{source} cannot be read ({error.strerror}); name a model folder or its zip.") from error
    try:
        with zipfile.ZipFile(source) as archive:
            members = _members(archive, source)
            root = _root(members, source)

            def extract(name: str, most: int) -> None:
                member = members.get(str(root / name))
                if member is None:
                    raise ModelError(f"{source} lacks {name}, which its {CHECKSUMS_FILE} lists.")
                _extract(archive, member, target / name, most)

            _take(extract, source, target)
    except PermissionError as error:
        raise ModelError(f"{source} cannot be read ({error.strerror}); check its permissions.") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise ModelError(
            f"{source} is not a readable zip file ({brief(error)}); name a model folder or its zip."
        ) from error


def _take(take: Callable[[str, int], None], source: Path, target: Path) -> None:
    """Take the files of a model, each of at most as many bytes as it can have, the weights those of their network.

    `take` is given a file's name and its most bytes. Raises ModelError.
    """
    take(CHECKSUMS_FILE, LARGEST_FILES[CHECKSUMS_FILE])
    names = read_checksums(target)
    foreign = sorted(set(names) - set(MODEL_FILES))
    if foreign:
        raise ModelError(f"{source} lists '{foreign[0][:100]}', which is not a file of the model; it is refused.")
    for name in names:
        if name != WEIGHTS_FILE:
            take(name, LARGEST_FILES[name])
    take(WEIGHTS_FILE, min(LARGEST_MODEL_BYTES, largest_weights(load_model_config(target))))


def _members(archive: zipfile.ZipFile, source: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of the archive by name. Raises ModelError if one could land, or point, outside the model's folder."""
    found: dict[str, zipfile.ZipInfo] = {}
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ModelError(f"{source} holds {len(entries)} files; it is no model.")
    for entry in entries:
        # As it is written there: zipfile itself turns backslashes around on some systems.
        name = entry.orig_filename
        path = PurePosixPath(name)
        turned = PurePosixPath(name.replace("\\", "/"))
        if turned.is_absolute() or ".." in turned.parts or re.search(r"[:\x00]", name):
            raise ModelError(
                f"{source} holds the path '{name[:100]}', which leads out of the model's folder; it is refused."
            )
        if "\\" in name:
            raise ModelError(
                f"{source} was packed with backslashes in its names ('{name[:100]}'), which not every system can "
                "unpack; pack the model's folder again with another program."
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ModelError(
                f"{source} holds the link '{name[:100]}'; a model is made of files alone, so it is refused."
            )
        if entry.is_dir() or "__MACOSX" in path.parts:
            continue
        if str(path) in found:
            raise ModelError(f"{source} holds '{name[:100]}' twice; it is refused.")
        found[str(path)] = entry
    return found


def _root(members: Mapping[str, zipfile.ZipInfo], source: Path) -> PurePosixPath:
    """The folder of the one model in the archive."""
    roots = [PurePosixPath(name).parent for name in members if PurePosixPath(name).name == CHECKSUMS_FILE]
    if len(roots) > 1:
        raise ModelError(f"{source} holds several models; add each from a zip file or folder of its own.")
    if not roots:
        raise ModelError(f"{source} holds no model: it has no {CHECKSUMS_FILE}.")
    return roots[0]


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, most: int) -> None:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(f"{target.name} is packed by a method other than deflate; pack the model's folder again.")
    if member.file_size > most:
        raise _too_large(target)
    with archive.open(member) as stream:
        _write(stream, target, most)


def _write(stream: IO[bytes], target: Path, most: int) -> None:
    """Copy at most so many bytes, whatever a header says of them."""
    target.parent.mkdir(exist_ok=True)
    written = 0
    with target.open("wb") as copy:
        while chunk := stream.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > most:
                raise _too_large(target)
            copy.write(chunk)


def _too_large(target: Path) -> ModelError:
    return ModelError(f"{target.name} is larger than any model's; nothing was added.")
