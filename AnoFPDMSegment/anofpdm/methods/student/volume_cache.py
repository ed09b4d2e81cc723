"""Volumes prepared once: a file each in a folder that several runs may share. Torch-free."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...array_archive import DamagedArchiveError, open_arrays
from ...errors import EvidenceError, OutputError
from ...results.output_set import write_files
from ...volumes.reading import read_volume
from ...volumes.stack_grid import StackGrid
from .config import StudentConfig
from .student_stack import student_stack

FORMAT = 1

Half = npt.NDArray[np.float16]


def prepared_slices(image: Path, config: StudentConfig, cache: Path | None) -> tuple[Half, StackGrid]:
    """The volume's standardised slices [S, H, W] and their grid, from the cache if the image has not changed since.

    Raises InputError for an image that cannot be used, OutputError if the cache cannot be written.
    """
    if cache is None:
        return _prepare(image, config)
    path = cache / f"{_key(image, config)}.npz"
    kept = _kept(path)
    if kept is not None:
        return kept
    slices, grid = _prepare(image, config)
    stream = io.BytesIO()
    geometry: dict[str, Any] = {name: np.array(getattr(grid, name)) for name in _GEOMETRY}
    np.savez(stream, slices=slices, **geometry)
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The cache {cache} cannot be written to ({error.strerror}).") from error
    write_files(cache, {path.name: stream.getvalue()})
    return slices, grid


def _kept(path: Path) -> tuple[Half, StackGrid] | None:
    """What was prepared before; None where there is nothing, or nothing whole: then it is prepared again."""
    try:
        with open_arrays(path) as archive:
            most = path.stat().st_size
            arrays = {name: archive.read(name, most) for name in (*_GEOMETRY, "slices")}
        grid = StackGrid.from_dict({name: arrays[name].tolist() for name in _GEOMETRY})
    except (OSError, DamagedArchiveError, EvidenceError):
        return None
    slices = arrays["slices"]
    return (slices, grid) if slices.dtype == np.float16 and slices.shape == grid.array_shape else None


_GEOMETRY = ("size", "spacing", "origin", "direction")


def _prepare(image: Path, config: StudentConfig) -> tuple[Half, StackGrid]:
    stack = student_stack(read_volume(image, "first modality"), config)
    return stack.slices.astype(np.float16), stack.grid


def _key(image: Path, config: StudentConfig) -> str:
    """Of everything that the slices depend on."""
    stamp = image.stat() if image.exists() else None
    told = (FORMAT, str(image.resolve()), stamp and (stamp.st_size, stamp.st_mtime_ns), config.matrix)
    return hashlib.sha256(repr((*told, config.field_of_view_mm)).encode()).hexdigest()[:24]
