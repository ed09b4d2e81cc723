"""Arrays in an .npz file, looked at before they are read: what they claim to be, and whether the file holds that."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from .bounded_file import open_regular
from .errors import EvidenceError

LONGEST_HEADER = 1 << 16
MOST_ENTRIES = 10_000
_ENDING = ".npy"
_BLOCK_BYTES = 1 << 20
Shape = tuple[int, ...]


class DamagedArchiveError(Exception):
    """The file is no .npz file, or one of its arrays is missing or not what it should be."""


class ArrayArchive:
    """An open archive; `open_arrays` makes it."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        """Raises DamagedArchiveError."""
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise DamagedArchiveError(f"it has {len(entries)} entries")
        self._archive = archive
        self._entries = {e.filename.removesuffix(_ENDING): e for e in entries if e.filename.endswith(_ENDING)}

    @property
    def names(self) -> list[str]:
        """Of the arrays."""
        return list(self._entries)

    def kind(self, name: str) -> tuple[Shape, np.dtype[Any]]:
        """Shape and type of an array, without its values. Raises OSError, DamagedArchiveError."""
        with self._open(name) as stream:
            shape, _, dtype = _header(stream)
        return shape, dtype

    def read(self, name: str, most: int) -> np.ndarray:
        """An array of plain numbers or texts, of at most `most` bytes. Raises OSError, DamagedArchiveError."""
        with self._open(name) as stream:
            shape, in_columns, dtype = _header(stream)
            if dtype.kind not in "biufU" or not dtype.itemsize or any(side < 0 for side in shape):
                raise DamagedArchiveError(f"{name} holds {dtype} values")
            length = math.prod(shape) * dtype.itemsize
            if length > most:
                raise DamagedArchiveError(f"{name} claims to have {length:,} bytes where {most:,} are the most")
            if length > self._entries[name].file_size:
                raise DamagedArchiveError(f"{name} is cut off")
            content = bytearray()
            while piece := stream.read(min(_BLOCK_BYTES, length + 1 - len(content))):
                content += piece
        if len(content) != length:
            raise DamagedArchiveError(f"{name} has another length than its shape says")
        values = np.frombuffer(content, dtype=dtype) if length else np.empty(0, dtype=dtype)
        return values.reshape(shape, order="F" if in_columns else "C")

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        if name not in self._entries:
            raise DamagedArchiveError(f"it has no {name}")
        with _damage(), self._archive.open(self._entries[name]) as stream:
            yield stream


@contextmanager
def open_arrays(path: Path) -> Iterator[ArrayArchive]:
    """Open an .npz file. Raises OSError, DamagedArchiveError."""
    with open_regular(path) as stream:
        with _damage():
            archive = zipfile.ZipFile(stream)
        with archive:
            yield ArrayArchive(archive)


@contextmanager
def _damage() -> Iterator[None]:
    """A damaged archive fails in many ways, down to errors of the zip and header parsers."""
    try:
        yield
    except (OSError, MemoryError, DamagedArchiveError):
        raise
    except Exception as error:
        raise DamagedArchiveError(str(error)) from error


def _header(stream: IO[bytes]) -> tuple[Shape, bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream, max_header_size=LONGEST_HEADER)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream, max_header_size=LONGEST_HEADER)
    raise DamagedArchiveError("it is of another version of the format")


def misshapen(name: str, found: tuple[int, ...], expected: tuple[int, ...]) -> EvidenceError:
    """What is said of an array of another shape than the others and the record ask for."""
    return EvidenceError(f"The evidence's '{name}' has the shape {found} where {expected} is needed; detect again.")


def missing(name: str) -> EvidenceError:
    """What is said of an array that is not there."""
    return EvidenceError(f"The evidence lacks '{name}'; detect again to make a complete one.")
