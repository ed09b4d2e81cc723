"""How long a slice took the last time, by machine, device, model and preset; nothing is guessed."""

from __future__ import annotations

import math
import platform
from pathlib import Path

from ..user_file import read_record, write_record


class SpeedRecord:
    """Kept in a small file of the user; where that cannot be written, expected times stay unknown."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seconds_per_slice(self, device: str, model: str, preset: str) -> float | None:
        """As measured by the last run of this kind on this machine; None before the first."""
        value = read_record(self._path).get(_key(device, model, preset))
        if isinstance(value, int | float) and math.isfinite(value) and value > 0:
            return float(value)
        return None

    def remember(self, device: str, model: str, preset: str, *, seconds: float, slices: int) -> None:
        """A run over `slices` slices has taken `seconds`."""
        if slices < 1 or not (math.isfinite(seconds) and seconds > 0):
            return
        write_record(self._path, {**read_record(self._path), _key(device, model, preset): round(seconds / slices, 4)})


def _key(device: str, model: str, preset: str) -> str:
    # Home folders are shared between machines of unlike speed.
    return " | ".join((platform.node(), device, model, preset))
