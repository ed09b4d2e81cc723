"""Small JSON records in the user's folder; losing one costs a question or a measurement, never a result."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from ..core.replaced_file import replaced_file


def user_file(name: str) -> Path:
    """The path of a record beside the user's models."""
    from ..store.model_search import user_data_folder

    return user_data_folder() / name


def read_record(path: Path) -> dict[str, object]:
    """The JSON object in a file; empty where there is none or it cannot be read."""
    from ..core.json_text import read_json

    try:
        record = read_json(path)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(path: Path, record: Mapping[str, object]) -> None:
    """Replace the file as a whole; where that fails it stays as it was."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(path) as partial:
            partial.write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
