"""Arrays computed for many slices, kept on disk chunk by chunk so that an interrupted run resumes. Torch-free."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.array_archive import DamagedArchiveError, open_arrays
from ..core.arrays import IntArray
from ..core.errors import OutputError
from ..core.replaced_file import replaced_file

CHUNK_SLICES = 32
Arrays = dict[str, np.ndarray]
Compute = Callable[[IntArray], Arrays]
"""From positions of slices [n] to arrays [n, ...]."""
_SECONDS = "seconds"


class ChunkStore:
    """A folder of chunks, each named by a digest of everything that its values depend on."""

    def __init__(self, folder: Path) -> None:
        """Raises OutputError if the folder cannot be made."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder {folder} cannot be made; check the path and the disk.") from error

    def arrays(self, key: Mapping[str, Any], rows: IntArray, compute: Compute) -> tuple[Arrays, float]:
        """The arrays of the slices, each chunk computed once and then read back.

        Args:
            key: what the values depend on, apart from the slices (JSON).
            rows: [N], the slices' identity under that key; `compute` gets positions in it.

        Returns:
            (arrays [N, ...], seconds of computing). Raises OutputError if a chunk cannot be kept.
        """
        parts: list[Arrays] = []
        seconds = 0.0
        for first in range(0, len(rows), CHUNK_SLICES):
            positions = np.arange(first, min(first + CHUNK_SLICES, len(rows)))
            path = self._folder / f"{_digest(key, rows[positions])}.npz"
            part = _read(path, len(positions))
            if part is None:
                start = time.perf_counter()
                part = compute(positions)
                part[_SECONDS] = np.full(len(positions), (time.perf_counter() - start) / len(positions))
                _keep(path, part)
            seconds += float(part.pop(_SECONDS).sum())
            parts.append(part)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, seconds


def _digest(key: Mapping[str, Any], rows: IntArray) -> str:
    text = json.dumps({"key": key, "rows": rows.tolist()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(path: Path, count: int) -> Arrays | None:
    """The chunk, or None where there is none or it is damaged: then it is computed again."""
    try:
        with open_arrays(path) as archive:
            # They are not packed, so that the file is as long as they are.
            arrays = {name: archive.read(name, path.stat().st_size) for name in archive.names}
    except (OSError, DamagedArchiveError):
        return None
    sound = _SECONDS in arrays and all(len(array) == count for array in arrays.values())
    return arrays if sound else None


def _keep(path: Path, arrays: Arrays) -> None:
    try:
        with replaced_file(path) as partial, partial.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise OutputError(f"{path.parent} cannot be written to; check the folder and the disk.") from error
