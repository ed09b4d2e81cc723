"""A student on disk: `student.json`, `weights.safetensors`, `MODEL_CARD.md`, checksums. Torch-free to import."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import ModelError, OutputError
from ...core.output_set import write_files
from ...core.records import load_json, record_from_dict, record_to_dict
from ...store.model_folder import CHECKSUMS_FILE, MODEL_CARD_FILE, WEIGHTS_FILE, file_sha256
from .config import StudentCalibration, StudentRecord

if TYPE_CHECKING:
    from torch import Tensor

    from .network import StudentNetwork
    from .predictor import StudentPredictor

RECORD_FILE = "student.json"
SCHEMA = 1
BUNDLED = Path(__file__).with_name("weights")


@dataclass(frozen=True)
class StudentFolder:
    """A checked folder."""

    path: Path
    record: StudentRecord
    weights_sha256: str

    def network(self) -> StudentNetwork:
        """The network in evaluation mode, float32. Raises ModelError if the weights do not fit or are not finite."""
        from .network import StudentNetwork
        from .network_weights import read_weights

        config = self.record.network
        network = StudentNetwork(config.channels, config.widths)
        read_weights(network, self.path / WEIGHTS_FILE)
        return network.eval()

    def predictor(self) -> StudentPredictor:
        """Ready to mark lesions."""
        from .network_weights import folded
        from .predictor import StudentPredictor

        return StudentPredictor(folded(self.network()), self.record.calibration)


def bundled_students() -> list[str]:
    """Names of the students that come with the package."""
    return sorted(path.parent.name for path in BUNDLED.glob(f"*/{RECORD_FILE}"))


def open_student(name_or_path: str | Path) -> StudentFolder:
    """Open a bundled student by its name, or a folder.

    Raises ModelError if there is none, or a file is missing, changed or damaged.
    """
    path = BUNDLED / name_or_path if str(name_or_path) in bundled_students() else Path(name_or_path)
    if not path.is_dir():
        known = ", ".join(bundled_students()) or "none yet"
        raise ModelError(f"There is no student {name_or_path}: name a folder, or one of {known}.")
    checksums = load_json(path / CHECKSUMS_FILE, "list of checksums")
    for file in (RECORD_FILE, WEIGHTS_FILE, MODEL_CARD_FILE):
        if not (path / file).is_file():
            raise ModelError(f"The student {path} lacks {file}; install it again.")
        if checksums.get(file) != file_sha256(path / file):
            raise ModelError(f"{path / file} has changed or is damaged (wrong checksum); install the student again.")
    values = load_json(path / RECORD_FILE, "student's description")
    if values.get("schema") != SCHEMA:
        raise ModelError(f"The student {path} was written by another version; install one made for this version.")
    return StudentFolder(path, record_from_dict(StudentRecord, values, RECORD_FILE), checksums[WEIGHTS_FILE])


def write_student(
    path: str | Path, record: StudentRecord, state: Mapping[str, Tensor], model_card: str
) -> StudentFolder:
    """Write a new folder, all of it or nothing. Raises OutputError if it exists or cannot be written, and ModelError
    if a weight is not finite."""
    from .network_weights import weights_to_bytes

    path = Path(path)
    if path.exists():
        raise OutputError(f"{path} exists already; choose another folder or remove it first.")
    contents = {
        RECORD_FILE: _to_json(record_to_dict(record)),
        WEIGHTS_FILE: weights_to_bytes(state),
        MODEL_CARD_FILE: model_card.encode("utf-8"),
    }
    write_files(path, {**contents, CHECKSUMS_FILE: _to_json(_checksums(contents))})
    return open_student(path)


def with_calibration(folder: StudentFolder, calibration: StudentCalibration) -> StudentFolder:
    """Put another calibration into the folder."""
    record = replace(folder.record, calibration=calibration)
    contents = {RECORD_FILE: _to_json(record_to_dict(record))}
    checksums = load_json(folder.path / CHECKSUMS_FILE, "list of checksums")
    write_files(folder.path, {**contents, CHECKSUMS_FILE: _to_json({**checksums, **_checksums(contents)})})
    return open_student(folder.path)


def _checksums(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def _to_json(values: Mapping[str, object]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
