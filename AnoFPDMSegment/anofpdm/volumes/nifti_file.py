"""What the NIfTI reader does not tell: cut-off files, impossible spacing, undefined values, a neighbor read instead."""

from __future__ import annotations

import gzip
import itertools
import math
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError

READ_BYTES = 2**20
FAMILY = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz")
GZIP_MAGIC = b"\x1f\x8b"
HEADER_BYTES = 540
REAL_TYPES = {16: "f4", 64: "f8"}
"""Numbers of the format for values that may be NaN or infinite, as numpy calls them."""
NOT_FINITE = "{} holds values that are infinite, undefined or too large; replace them first."


@dataclass(frozen=True)
class _NiftiHeader:
    """The few entries of a NIfTI-1 or NIfTI-2 header that tell how long the file must be."""

    dimensions: tuple[int, ...]
    bits: int
    spacing: tuple[float, float, float]
    data_offset: int
    real_type: str
    """Of the values, for numpy; empty for whole numbers and for types not read at all."""

    @property
    def file_bytes(self) -> int:
        return self.data_offset + (math.prod(self.dimensions) * self.bits + 7) // 8


def check_nifti_file(path: Path, called: str) -> None:
    """Raise InputError unless the file is whole NIfTI; `called` begins the sentence ("The flair image x").

    ITK fills what is missing at the end of a file with zeros, does not check the compressed
    stream, reads a zero or undefined voxel size as 1 mm, and values that are not finite as 0.
    """
    compressed = _is_compressed(path)
    with path.open("rb") as raw:
        if not compressed:
            _check_stream(raw, called)
            return
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                _check_stream(stream, called)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{called} is damaged or cut off; copy or export it again.") from error


@contextmanager
def undisturbed(path: Path) -> Iterator[Path]:
    """The path to read instead of `path`: a temporary copy where its name or its neighbors would mislead.

    Asked for x.nii.gz, the NIfTI library reads x.nii if that lies beside it; it unpacks no x.nii.
    """
    compressed, named_so = _is_compressed(path), path.name.lower().endswith(".gz")
    stem = path.name[: -len(".nii.gz" if named_so else ".nii")]
    endings = {written for ending in FAMILY for written in (ending, ending.upper())}
    others = {f"{stem}{ending}" for ending in endings} - {path.name}
    if compressed == named_so and not any(path.with_name(other).exists() for other in others):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / ("volume.nii.gz" if compressed else "volume.nii")
        shutil.copyfile(path, copy)
        yield copy


def _is_compressed(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == GZIP_MAGIC


def _check_stream(stream: BinaryIO | gzip.GzipFile, called: str) -> None:
    start = stream.read(HEADER_BYTES)
    header = _parse_header(start)
    if header is None:
        raise InputError(f"{called} is not a NIfTI file although its name says so; export it again.")
    if any(not math.isfinite(s) or s <= 0 for s in header.spacing):
        raise InputError(f"{called} has a voxel size that is zero, negative or undefined; export it again.")
    position, carried, finite = 0, b"", True
    # To the end, so that the checksum of a compressed stream is compared.
    for block in itertools.chain([start], iter(lambda: stream.read(READ_BYTES), b"")):
        values = block[max(0, header.data_offset - position) : max(0, header.file_bytes - position)]
        position += len(block)
        if header.real_type:
            carried += values
            whole = len(carried) - len(carried) % np.dtype(header.real_type).itemsize
            finite = finite and bool(np.isfinite(np.frombuffer(carried[:whole], header.real_type)).all())
            carried = carried[whole:]
    if position < header.file_bytes:
        raise InputError(f"{called} is cut off; copy or export it again.")
    if not finite:
        raise InputError(NOT_FINITE.format(called))


def _parse_header(data: bytes) -> _NiftiHeader | None:
    """None if the bytes are no header of a single-file NIfTI."""
    if len(data) < HEADER_BYTES:
        return None
    for order in "<>":
        (length,) = struct.unpack_from(order + "i", data)
        if length == 348 and data[344:348] == b"n+1\0":
            rank, *sizes = struct.unpack_from(order + "8h", data, 40)
            kind, bits = struct.unpack_from(order + "2h", data, 70)
            spacing = struct.unpack_from(order + "3f", data, 80)
            (offset,) = struct.unpack_from(order + "f", data, 108)
        elif length == 540 and data[4:8] == b"n+2\0":
            rank, *sizes = struct.unpack_from(order + "8q", data, 16)
            kind, bits = struct.unpack_from(order + "2h", data, 12)
            spacing = struct.unpack_from(order + "3d", data, 112)
            (offset,) = struct.unpack_from(order + "q", data, 168)
        else:
            continue
        if not 1 <= rank <= 7 or bits < 1 or min(sizes[:rank]) < 1 or not math.isfinite(offset):
            return None
        used = tuple(spacing[a] if a < rank else 1.0 for a in range(3))
        real = order + REAL_TYPES[kind] if kind in REAL_TYPES else ""
        return _NiftiHeader(tuple(sizes[:rank]), bits, (used[0], used[1], used[2]), max(int(offset), length), real)
    return None
