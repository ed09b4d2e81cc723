"""How long a slice took the last time, by machine, device, model and preset; nothing is guessed."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import tempfile
from pathlib import Path


class SpeedRecord:
    """Kept in a small file of the user; where that cannot be written, expected times stay unknown."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seconds_per_slice(self, device: str, model: str, preset: str) -> float | None:
        """As measured by the last run of this kind on this machine; None before the first."""
        value = self._read().get(_key(device, model, preset))
        if isinstance(value, int | float) and math.isfinite(value) and value > 0:
            return float(value)
        return None

    def remember(self, device: str, model: str, preset: str, *, seconds: float, slices: int) -> None:
        """A run over `slices` slices has taken `seconds`."""
        if slices < 1 or not (math.isfinite(seconds) and seconds > 0):
            return
        record = self._read()
        record[_key(device, model, preset)] = round(seconds / slices, 4)
        with contextlib.suppress(OSError):
            self._write(record)

    def _read(self) -> dict[str, object]:
        try:
            record = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}

    def _write(self, record: dict[str, object]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(record, file, indent=1, sort_keys=True)
            os.replace(temporary, self._path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise


def _key(device: str, model: str, preset: str) -> str:
    # Home folders are shared between machines of unlike speed.
    return " | ".join((platform.node(), device, model, preset))
