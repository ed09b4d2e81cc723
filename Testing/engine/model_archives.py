"""Model folders and zip files made wrong on purpose, and what a refusal leaves behind: nothing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from command_line import snapshot

from anofpdm.core.errors import ModelError
from anofpdm.store.model_folder import file_sha256
from anofpdm.store.model_install import install_model


def zipped(model: Path, target: Path, prefix: str = "", method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(target, "w", method) as archive:
        for file in sorted(path for path in model.rglob("*") if path.is_file()):
            archive.write(file, prefix + file.relative_to(model).as_posix())
    return target


def write_listed(model: Path, name: str, content: bytes) -> None:
    (model / name).write_bytes(content)
    listed = json.loads((model / "checksums.json").read_text())
    (model / "checksums.json").write_text(json.dumps({**listed, name: file_sha256(model / name)}))


def refused(source: Path, place: Path, words: str, error: type[Exception] = ModelError) -> None:
    before = snapshot(place) if place.exists() else {}
    with pytest.raises(error, match=words):
        install_model(source, place)
    assert (snapshot(place) if place.exists() else {}) == before
