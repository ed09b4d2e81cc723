"""MetaImage files, read here and not by a library: under a damaged header ITK writes past its memory."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..core.errors import InputError
from ..core.progress import CancelToken
from .grid_check import GridCheck, any_grid
from .meta_image_header import HEADER_BYTES, MetaImageHeader, parse_meta_image_header
from .nifti_file import PICTURE, SEVERAL_VALUES, SEVERAL_VOLUMES
from .placement import (
    NO_VOXEL_SIZE,
    SIZE_NOT_STATED,
    UNDEFINED_PLACE,
    Placement,
    is_within_reach,
    sound_direction,
)
from .value_stream import BLOCK_BYTES, LARGEST_IMAGE_VOXELS, MAXIMUM_DEFLATION, TOO_MANY_VOXELS, read_float32
from .volume import Volume

ZLIB_OR_GZIP = zlib.MAX_WBITS | 32
DAMAGED = "{} may be damaged, cut off or not an image; copy or export it again."
WRONG_LENGTH = "{} holds more or fewer values than its header says; copy or export it again."
UNKNOWN_PLACE = (
    "does not say how it lies in the patient (no TransformMatrix); its axes are taken to lead left, back and up, and "
    "the side of findings is left open, so use the image as it was converted from DICOM."
)
NO_DATA_FILE = "{} names a data file that is not there; copy all its files together again."


def read_meta_image(
    path: Path, called: str, cancel: CancelToken | None = None, check_grid: GridCheck = any_grid
) -> Volume:
    """A MetaImage, its values behind the header or in files of their own, as float32.

    `check_grid` is asked before any value is read. Raises InputError, in a sentence that begins with `called`; OSError;
    Cancelled.
    """
    try:
        with path.open("rb") as stream:
            header = parse_meta_image_header(stream.read(HEADER_BYTES))
        size = _volume(header, called)
        placement = _place(header, called)
        if math.prod(size) > LARGEST_IMAGE_VOXELS:
            raise InputError(TOO_MANY_VOXELS.format(called))
        check_grid(size, placement.spacing)
        values = _values(header, path, called, cancel)
    except (KeyError, ValueError, zlib.error) as error:
        raise InputError(DAMAGED.format(called)) from error
    placed = header.is_placed
    return Volume(placement.image_of(values.reshape(size[::-1])), () if placed else (UNKNOWN_PLACE,), placed)


def _volume(header: MetaImageHeader, called: str) -> tuple[int, int, int]:
    """Size (i, j, k)."""
    if header.channels > 1:
        raise InputError(SEVERAL_VALUES.format(called))
    if len(header.size) < 3:
        raise InputError(PICTURE.format(called))
    i, j, k, *further = header.size
    if math.prod(further) > 1:
        raise InputError(SEVERAL_VOLUMES.format(called))
    return i, j, k


def _place(header: MetaImageHeader, called: str) -> Placement:
    """Of the first three axes. Raises ValueError for what are no numbers."""
    spacing = header.spacing
    if spacing is None:
        raise InputError(SIZE_NOT_STATED.format(called))
    if min(spacing) <= 0 or not is_within_reach(spacing):
        raise InputError(NO_VOXEL_SIZE.format(called))
    if not is_within_reach(header.origin):
        raise InputError(UNDEFINED_PLACE.format(called))
    direction = np.array([axis[:3] for axis in header.axes[:3]]).T
    return Placement(np.array(spacing[:3]), np.array(header.origin[:3]), sound_direction(direction, called))


def _values(header: MetaImageHeader, path: Path, called: str, cancel: CancelToken | None) -> npt.NDArray[np.float32]:
    """Raises ValueError or zlib.error."""
    files = [path.parent / name for name in header.data_files] or [path]
    kind = np.dtype(header.kind)
    count, left_over = divmod(math.prod(header.size), len(files))
    # How compressed values lie in several files, or behind an offset, programs do not agree on.
    if left_over or (header.compressed and (len(files) > 1 or header.skipped_bytes)):
        raise ValueError("values in unknown places")
    parts = []
    for file in files:
        if not file.is_file():
            raise InputError(NO_DATA_FILE.format(called))
        start = header.skipped_bytes or (0 if header.data_files else header.header_bytes)
        if start < 0:
            start = max(0, file.stat().st_size - count * kind.itemsize)
        with file.open("rb") as source:
            source.seek(start)
            parts.append(_part(source, header, count, file.stat().st_size - start, called, cancel))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _part(
    source: BinaryIO, header: MetaImageHeader, count: int, stored: int, called: str, cancel: CancelToken | None
) -> npt.NDArray[np.float32]:
    """`count` values from here on; `stored`: bytes of the file from here on."""
    kind = np.dtype(header.kind)
    expected = count * kind.itemsize
    if not header.compressed:
        if stored != expected:
            raise InputError(WRONG_LENGTH.format(called))
        return read_float32(source, kind, count, called, cancel=cancel)
    if header.fields.get("CompressedDataSize", str(stored)) != str(stored):
        raise ValueError("another length than stated")
    if expected > stored * MAXIMUM_DEFLATION:
        raise ValueError("fewer bytes than the values can be packed into")
    stream = _Inflated(source, expected, called)
    values = read_float32(stream, kind, count, called, cancel=cancel)
    stream.expect_end()
    return values


class _Inflated:
    """One stream of zlib or gzip that unpacks to a length known before, and ends where its file ends."""

    def __init__(self, source: BinaryIO, expected: int, called: str) -> None:
        self._source = source
        self._unpacker = zlib.decompressobj(ZLIB_OR_GZIP)
        self._packed = b""
        self._left = expected
        self._called = called

    def read(self, length: int, /) -> bytes:
        """Raises InputError where there are fewer bytes, ValueError and zlib.error for a damaged stream."""
        wanted = min(length, self._left)
        values = self._unpack(wanted) if wanted else b""
        if wanted and not values:
            raise InputError(WRONG_LENGTH.format(self._called))
        self._left -= len(values)
        return values

    def expect_end(self) -> None:
        """Raises as `read`, and where there are more bytes."""
        if self._unpack(1):
            raise InputError(WRONG_LENGTH.format(self._called))
        if self._unpacker.unused_data or self._packed or self._source.read(1):
            raise ValueError("the compressed stream does not end where the file ends")

    def _unpack(self, most: int) -> bytes:
        """Up to so many bytes, one at least before the stream has ended."""
        values = b""
        while not values and not self._unpacker.eof:
            packed = self._packed or self._source.read(BLOCK_BYTES)
            values = self._unpacker.decompress(packed, most)
            self._packed = self._unpacker.unconsumed_tail
            if not packed and not values:
                raise ValueError("the compressed stream is cut off")
        return values
