"""`checksums.json` of a result: size and SHA-256 of its files, by which a later run tells that it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKSUMS_FILE = "checksums.json"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Checksums:
    """What is recorded in a folder."""

    folder: Path
    entries: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Path) -> Checksums:
        """Without entries where there is no record, or a damaged one."""
        try:
            record = json.loads((folder / CHECKSUMS_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            record = None
        return cls(folder, record if isinstance(record, dict) else {})

    def confirm(self, names: Collection[str]) -> bool:
        """Whether all these files are there as they were written."""
        return all(name in self.entries and self._is_as_written(name) for name in names)

    def changed(self) -> list[str]:
        """The recorded files that are not there as they were written."""
        return [name for name in self.entries if not self._is_as_written(name)]

    def _is_as_written(self, name: str) -> bool:
        entry, path = self.entries[name], self.folder / name
        if not isinstance(entry, dict):
            return False
        try:
            # The size first: it costs nothing.
            return path.stat().st_size == entry.get("bytes") and file_sha256(path) == entry.get("sha256")
        except (OSError, ValueError):
            return False


def write_checksums(path: Path, names: Iterable[str]) -> None:
    """Write the record of the files `names` beside `path`. Raises OSError."""
    files = {name: path.with_name(name) for name in names}
    record = {name: {"bytes": file.stat().st_size, "sha256": file_sha256(file)} for name, file in files.items()}
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
