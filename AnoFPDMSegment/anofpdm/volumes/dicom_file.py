"""DICOM files as pydicom reads them, within bounds: headers may claim lengths of gigabytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pydicom

from ..core.bounded_file import open_regular

START_BYTES = 2**16
"""Holds the preamble and the group that says how the rest is written."""
DEFLATED = "1.2.840.10008.1.2.1.99"
LARGEST_INFLATED = 2**28
"""Bytes; a volume of 512 x 512 x 512 values of two bytes."""
_BLOCK = 2**20


@contextmanager
def dicom_stream(file: Path) -> Iterator[Any]:
    """What pydicom is to read. Raises OSError, and ValueError for a deflated file that unpacks to too much."""
    with open_regular(file) as stream:
        start = stream.read(START_BYTES)
        if DEFLATED.encode("ascii") in start:
            _check_inflated(start, stream)
        stream.seek(0)
        # It returns what is left where more is asked for; a plain file first takes the memory that was asked for.
        yield _Bounded(stream)


class _Bounded(io.RawIOBase):
    """An open file from which no more is asked than it holds."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._size = stream.seek(0, io.SEEK_END)
        stream.seek(0)

    def read(self, length: int = -1) -> bytes:
        left = max(0, self._size - self._stream.tell())
        return self._stream.read(left if length is None or length < 0 else min(length, left))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _check_inflated(start: bytes, stream: BinaryIO) -> None:
    # Preamble and mark, then the element that tells how long the rest of its group is.
    if start[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
        raise ValueError("a first group of unknown length")
    stream.seek(144 + int.from_bytes(start[140:144], "little"))
    unpacker, length = zlib.decompressobj(-zlib.MAX_WBITS), 0
    packed = stream.read(_BLOCK)
    while packed and not unpacker.eof:
        length += len(unpacker.decompress(packed, _BLOCK))
        if length > LARGEST_INFLATED:
            raise ValueError("unpacks to more than any series")
        packed = unpacker.unconsumed_tail or stream.read(_BLOCK)


def read_dataset(file: Path, *, pixels: bool) -> tuple[pydicom.Dataset, int]:
    """All elements, with or without the pixels, and how many bytes of the file are left behind them.

    Raises OSError, and in many ways where the file is damaged.
    """
    with dicom_stream(file) as stream:
        dataset = pydicom.dcmread(stream, stop_before_pixels=not pixels, force=True)
        return dataset, file.stat().st_size - stream.tell()
