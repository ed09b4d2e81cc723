"""A model folder on disk: its files, their checks, and writing one completely or not at all.

Torch-free. A model folder holds

    config.json            what the network is and how its input is prepared
    weights.safetensors    the network's weights
    MODEL_CARD.md          for the reader: data, licence, limits
    configs/metadata.json  the network's inputs and outputs as MONAI bundles describe them
    calibration.json       the look-ups that detection needs; absent until the model is calibrated
    calibration.png        the plot of the calibration, where one could be drawn
    checksums.json         SHA-256 of each of the files above
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..core.bounded_file import open_regular, read_text_at_most
from ..core.checksums import CHECKSUMS_FILE
from ..core.errors import ModelError, OutputError
from ..core.json_text import LARGEST_JSON_BYTES
from ..core.output_set import write_files
from ..core.records import load_json
from ..methods.registry import find_method
from .model_config import CONFIG_FILE, ModelConfig, load_model_config, model_config_to_json

WEIGHTS_FILE = "weights.safetensors"
MODEL_CARD_FILE = "MODEL_CARD.md"
CALIBRATION_FILE = "calibration.json"
PLOT_FILE = "calibration.png"
METADATA_FILE = "configs/metadata.json"
REQUIRED_FILES = (CONFIG_FILE, WEIGHTS_FILE, MODEL_CARD_FILE)
MODEL_FILES = (*REQUIRED_FILES, METADATA_FILE, CALIBRATION_FILE, PLOT_FILE, CHECKSUMS_FILE)
"""All that a model folder can hold, by their paths in it."""

LARGEST_FILES = {
    CONFIG_FILE: 1 << 20,
    MODEL_CARD_FILE: 1 << 20,
    METADATA_FILE: 1 << 20,
    CHECKSUMS_FILE: 1 << 20,
    CALIBRATION_FILE: LARGEST_JSON_BYTES,
    PLOT_FILE: 1 << 24,
}
"""Bytes; the weights are as large as their network (`weights_file.largest_weights`)."""

_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True)
class ModelFolder:
    """A checked model folder."""

    path: Path
    config: ModelConfig
    model_card: str
    checksums: Mapping[str, str]
    """SHA-256 (hexadecimal) by the file's path in the folder."""

    @property
    def weights(self) -> Path:
        """The weights, a safetensors file."""
        return self.path / WEIGHTS_FILE

    @property
    def weights_sha256(self) -> str:
        """The weights' SHA-256, which tells one model's results from another's."""
        return self.checksums[WEIGHTS_FILE]

    @property
    def calibration(self) -> Path | None:
        """The calibration file; None while the model is not calibrated."""
        return self.path / CALIBRATION_FILE if CALIBRATION_FILE in self.checksums else None


def open_model_folder(path: str | Path, *, verify_weights: bool = True) -> ModelFolder:
    """Read a model folder and check every file against its checksum.

    `verify_weights=False` skips reading the large weights file, for panels that only show the
    model; nothing should be computed with a folder opened so. Raises ModelError if the folder or a
    file is missing, unreadable, changed or not listed.
    """
    path = Path(path)
    if not path.is_dir():
        raise ModelError(f"The model folder {path} does not exist; check the path or install the model.")
    checksums = read_checksums(path)
    for name in (*REQUIRED_FILES, CALIBRATION_FILE):
        if name in checksums and not (path / name).is_file():
            raise ModelError(f"The model folder {path} lacks {name}; install the model again.")
    if (path / CALIBRATION_FILE).exists() and CALIBRATION_FILE not in checksums:
        raise ModelError(
            f"{path / CALIBRATION_FILE} is not listed in {CHECKSUMS_FILE}; remove it and calibrate the model again."
        )
    config = load_model_config(path)
    for name, expected in checksums.items():
        if name == WEIGHTS_FILE and not verify_weights:
            continue
        if file_sha256(path / name) != expected:
            raise ModelError(f"{path / name} has changed or is damaged (wrong checksum); install the model again.")
    return ModelFolder(path, config, _read_text(path / MODEL_CARD_FILE), checksums)


def write_model_folder(
    path: str | Path,
    config: ModelConfig,
    write_weights: Callable[[Path], None],
    *,
    model_card: str,
    calibration: str | None = None,
) -> ModelFolder:
    """Write a new model folder; it appears complete or not at all.

    `write_weights` writes the safetensors file to the path it is given (see `weights.save_weights`);
    `calibration` is the text of `calibration.json`. Raises OutputError if the folder exists already
    or cannot be written.
    """
    path = Path(path)
    if path.exists():
        raise OutputError(f"{path} exists already; choose another folder or remove it first.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shelter = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OutputError(f"The model folder {path} cannot be created ({error.strerror}).") from error
    try:
        unfinished = shelter / path.name
        unfinished.mkdir()
        (unfinished / CONFIG_FILE).write_bytes(model_config_to_json(config).encode("utf-8"))
        (unfinished / MODEL_CARD_FILE).write_bytes(model_card.encode("utf-8"))
        write_weights(unfinished / WEIGHTS_FILE)
        metadata = find_method(config.method).bundle_metadata(config)
        if metadata is not None:
            (unfinished / METADATA_FILE).parent.mkdir()
            (unfinished / METADATA_FILE).write_bytes(metadata.encode("utf-8"))
        # safetensors makes files that only their owner may read.
        shutil.copymode(unfinished / CONFIG_FILE, unfinished / WEIGHTS_FILE)
        if calibration is not None:
            (unfinished / CALIBRATION_FILE).write_bytes(calibration.encode("utf-8"))
        files = [file for file in unfinished.rglob("*") if file.is_file()]
        checksums = {file.relative_to(unfinished).as_posix(): file_sha256(file) for file in files}
        (unfinished / CHECKSUMS_FILE).write_bytes(_checksums_to_json(checksums).encode("utf-8"))
        unfinished.rename(path)
    except OSError as error:
        raise OutputError(f"The model folder {path} could not be written ({error}); nothing was left there.") from error
    finally:
        shutil.rmtree(shelter, ignore_errors=True)
    return open_model_folder(path, verify_weights=False)


def write_calibration(
    folder: ModelFolder, calibration: str, *, config: ModelConfig | None = None, plot: bytes | None = None
) -> ModelFolder:
    """Put the text of `calibration.json` into a model folder, all files or none. Entries that the older one alone has,
    such as the gate's reference, stay.

    `config` replaces the model's configuration along with it; `plot` is the PNG beside the calibration, and without
    one an older plot is removed. Raises OutputError if they cannot be written.
    """
    contents = {CALIBRATION_FILE: _with_kept(folder.calibration, calibration).encode("utf-8")}
    if config is not None:
        contents[CONFIG_FILE] = model_config_to_json(config).encode("utf-8")
    if plot is not None:
        contents[PLOT_FILE] = plot
    checksums = {name: digest for name, digest in folder.checksums.items() if name != PLOT_FILE}
    checksums |= {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    contents[CHECKSUMS_FILE] = _checksums_to_json(checksums).encode("utf-8")
    write_files(folder.path, contents)
    if plot is None:
        (folder.path / PLOT_FILE).unlink(missing_ok=True)
    return open_model_folder(folder.path, verify_weights=False)


def _with_kept(older: Path | None, text: str) -> str:
    new = json.loads(text)
    try:
        kept = {} if older is None else load_json(older, "calibration")
    except ModelError:
        return text  # nothing can be kept of a damaged one
    return text if kept.keys() <= new.keys() else json.dumps({**kept, **new}, indent=1) + "\n"


def write_config(folder: ModelFolder, config: ModelConfig) -> ModelFolder:
    """Replace `config.json` of a model folder, and its checksum along with it. Raises OutputError."""
    content = model_config_to_json(config).encode("utf-8")
    checksums = {**folder.checksums, CONFIG_FILE: hashlib.sha256(content).hexdigest()}
    write_files(folder.path, {CONFIG_FILE: content, CHECKSUMS_FILE: _checksums_to_json(checksums).encode("utf-8")})
    return open_model_folder(folder.path, verify_weights=False)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises ModelError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); install the model again.") from error
    return digest.hexdigest()


def read_checksums(path: Path) -> dict[str, str]:
    """SHA-256 by the name of the file, as a model folder's list says. Raises ModelError."""
    values = load_json(path / CHECKSUMS_FILE, "list of checksums")
    for name, digest in values.items():
        if not _is_inside(name) or name == CHECKSUMS_FILE:
            raise ModelError(f"{path / CHECKSUMS_FILE} lists '{name}', which is not a file of the model.")
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ModelError(f"{path / CHECKSUMS_FILE} has no SHA-256 for {name}; install the model again.")
    for name in REQUIRED_FILES:
        if name not in values:
            raise ModelError(f"{path / CHECKSUMS_FILE} does not list {name}; install the model again.")
    return values


def _is_inside(name: str) -> bool:
    """Whether `name` is that of a file in the model folder or a folder of it, on any system."""
    parts = name.split("/")
    return len(parts) <= 2 and all(parts) and not {".", ".."} & set(parts) and not re.search(r"[\\:\x00]", name)


def _read_text(path: Path) -> str:
    try:
        return read_text_at_most(path, LARGEST_FILES[path.name])
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"{path} cannot be read ({reason}); install the model again.") from error


def _checksums_to_json(checksums: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(checksums.items())), indent=2) + "\n"
