"""NRRD images, read here and not by a library: that accepts damaged and foreign bytes for values."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..core.errors import InputError
from ..core.progress import CancelToken
from .grid_check import GridCheck, any_grid
from .meta_image_file import NO_DATA_FILE
from .nifti_file import COMPLEX_NUMBERS, PICTURE, SEVERAL_VALUES, SEVERAL_VOLUMES
from .nrrd_header import LONGEST_HEADER, TO_LPS, NrrdHeader, UnknownEncodingError, parse_nrrd_header
from .placement import SIZE_NOT_STATED, Placement, place
from .value_stream import (
    BLOCK_BYTES,
    LARGEST_IMAGE_VOXELS,
    LONGEST_PREFIX,
    MAXIMUM_DEFLATION,
    TOO_MANY_VOXELS,
    Readable,
    expect_end,
    read_float32,
    to_float32,
)
from .volume import Volume

DAMAGED = "{} is damaged, cut off or not what its name says; copy or export it again."
NO_UNPACKER = "{} is compressed with bzip2, which this Python cannot unpack; save it with gzip compression or none."
UNKNOWN_ENCODING = "{} is packed in a way that is not read here; save it with gzip compression or none."
UNKNOWN_PLACE = (
    "does not say how it lies in the patient (no space, or no directions in it); positions are counted from its own "
    "origin and the side of findings is left open, so use the image as it was converted from DICOM."
)
TEXT_BYTES = 64
"""The longest number written as text."""
SKIPPED_BYTES = 2**20


def read_nrrd(path: Path, called: str, cancel: CancelToken | None = None, check_grid: GridCheck = any_grid) -> Volume:
    """An NRRD image, its values behind the header or in files of their own, as float32.

    `check_grid` is asked before any value is read. Raises InputError, in a sentence that begins with `called`; OSError;
    Cancelled.
    """
    header = read_nrrd_header(path, called)
    size, axes = _volume(header, called)
    placement, warnings, side_known = _place(header, axes, called)
    if math.prod(size) > LARGEST_IMAGE_VOXELS:
        raise InputError(TOO_MANY_VOXELS.format(called))
    check_grid(size, placement.spacing)
    try:
        values = _values(header, path, math.prod(size), called, cancel)
    except (EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise InputError(DAMAGED.format(called)) from error
    return Volume(placement.image_of(values.reshape(size[::-1])), warnings, side_known)


def read_nrrd_header(path: Path, called: str) -> NrrdHeader:
    """Raises InputError, in a sentence that begins with `called`; OSError."""
    with path.open("rb") as stream:
        start = stream.read(LONGEST_HEADER)
    try:
        return parse_nrrd_header(start)
    except UnknownEncodingError as error:
        raise InputError(UNKNOWN_ENCODING.format(called)) from error
    except (KeyError, ValueError, OverflowError) as error:
        raise InputError(DAMAGED.format(called)) from error


def _volume(header: NrrdHeader, called: str) -> tuple[tuple[int, int, int], list[int]]:
    """Size (i, j, k) and the numbers of these axes."""
    if header.is_complex:
        raise InputError(COMPLEX_NUMBERS.format(called))
    spatial = header.spatial()
    if any(size != 1 for axis, size in enumerate(header.sizes) if axis not in spatial):
        raise InputError(SEVERAL_VALUES.format(called))
    if len(spatial) < 3:
        raise InputError(PICTURE.format(called))
    if any(header.sizes[axis] != 1 for axis in spatial[3:]):
        raise InputError(SEVERAL_VOLUMES.format(called))
    i, j, k = spatial[:3]
    return (header.sizes[i], header.sizes[j], header.sizes[k]), [i, j, k]


def _place(header: NrrdHeader, axes: list[int], called: str) -> tuple[Placement, tuple[str, ...], bool]:
    signs = np.array(TO_LPS.get(header.space, (1.0, 1.0, 1.0)))
    directions = [header.directions[axis] for axis in axes]
    if all(direction is not None for direction in directions):
        steps = [direction for direction in directions if direction is not None]
        if any(len(step) < 3 for step in steps):
            raise InputError(PICTURE.format(called))
        origin = np.zeros(3) if header.origin is None else header.origin[:3]
        if len(origin) < 3:
            raise InputError(DAMAGED.format(called))
        # A fourth component is of time.
        placement = place(np.stack([step[:3] for step in steps], axis=1) * signs[:, None], origin * signs, called)
        known = header.space in TO_LPS
        return placement, () if known else (UNKNOWN_PLACE,), known
    spacings = [header.spacings[axis] for axis in axes]
    if any(spacing is None for spacing in spacings):
        raise InputError(SIZE_NOT_STATED.format(called))
    diagonal = np.diag([abs(spacing) for spacing in spacings if spacing is not None])
    return place(diagonal, np.zeros(3), called), (UNKNOWN_PLACE,), False


def _values(
    header: NrrdHeader, path: Path, count: int, called: str, cancel: CancelToken | None
) -> npt.NDArray[np.float32]:
    files = [path] if header.data_files is None else [path.parent / name for name in header.data_files]
    each, left_over = divmod(count, len(files))
    if left_over:
        raise ValueError("values that do not divide among the files")
    parts = []
    for file in files:
        if not file.is_file():
            raise InputError(NO_DATA_FILE.format(called))
        with file.open("rb") as stream:
            stream.seek(header.header_bytes if header.data_files is None else 0)
            _skip_lines(stream, header.line_skip)
            left = file.stat().st_size - stream.tell()
            parts.append(_part(stream, header, each, left, called, cancel))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _part(
    stream: BinaryIO, header: NrrdHeader, count: int, left: int, called: str, cancel: CancelToken | None
) -> npt.NDArray[np.float32]:
    """`left`: bytes of the file from here on."""
    kind = np.dtype(header.byte_order + header.number)
    if header.encoding == "text":
        return _from_text(stream, count, cancel)
    if header.encoding == "hex":
        # Twice the bytes, and spaces between them.
        text = stream.read(min(left, count * (kind.itemsize * 2 + TEXT_BYTES) + 1))
        unpacked = io.BytesIO(bytes.fromhex(text.decode("ascii")))
        return _exactly(unpacked, kind, count, called, cancel)
    if header.encoding == "raw" and header.byte_skip == -1:
        stream.seek(max(0, left - count * kind.itemsize), io.SEEK_CUR)
    elif header.byte_skip == -1:
        raise ValueError("compressed values before an unknown length")
    longest = left * (MAXIMUM_DEFLATION if header.encoding == "gzip" else 1)
    if header.encoding != "bzip2" and count * kind.itemsize > longest:
        raise EOFError
    with _unpacked(stream, header.encoding, called) as source:
        skipped = max(0, header.byte_skip)
        if skipped > LONGEST_PREFIX:
            raise ValueError("values that begin far off")
        while skipped > 0 and (piece := source.read(min(skipped, SKIPPED_BYTES))):
            skipped -= len(piece)
        return _exactly(source, kind, count, called, cancel)


def _from_text(stream: BinaryIO, count: int, cancel: CancelToken | None) -> npt.NDArray[np.float32]:
    """Exactly `count` numbers, a block at a time: as words they take many times as much memory."""
    values = np.empty(count, dtype=np.float32)
    done, rest = 0, b""
    while block := stream.read(BLOCK_BYTES):
        if cancel is not None:
            cancel.raise_if_cancelled()
        # The last word may go on in the next block.
        words = (rest + block).split()
        rest = words.pop() if words and not block[-1:].isspace() else b""
        if len(rest) > TEXT_BYTES or done + len(words) > count:
            raise ValueError("another number of values")
        values[done : done + len(words)] = to_float32(np.array(words, dtype=np.float64))
        done += len(words)
    if rest:
        values[done : done + 1] = to_float32(np.array([rest], dtype=np.float64))
        done += 1
    if done != count:
        raise ValueError("another number of values")
    return values


def _exactly(
    source: Readable, kind: np.dtype, count: int, called: str, cancel: CancelToken | None
) -> npt.NDArray[np.float32]:
    values = read_float32(source, kind, count, called, cancel=cancel)
    expect_end(source, called)
    return values


@contextmanager
def _unpacked(stream: BinaryIO, encoding: str, called: str) -> Iterator[Readable]:
    if encoding == "raw":
        yield stream
    elif encoding == "gzip":
        with gzip.GzipFile(fileobj=stream) as source:
            yield source
    else:
        try:
            import bz2
        except ImportError as error:  # a Python that was built without it
            raise InputError(NO_UNPACKER.format(called)) from error
        try:
            with bz2.BZ2File(stream) as source:
                yield source
        except OSError as error:  # a block whose checksum is another
            raise ValueError("damaged blocks") from error


def _skip_lines(stream: BinaryIO, count: int) -> None:
    for _ in range(count):
        if not stream.readline(LONGEST_HEADER):
            raise EOFError
