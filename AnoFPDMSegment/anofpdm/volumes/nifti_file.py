"""NIfTI images, read here and not by a library: those fill what is missing with zeros, do not compare checksums, take a
neighbor of the same stem instead, and follow other rules where a header contradicts itself."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np

from ..core.errors import InputError
from ..core.progress import CancelToken
from .grid_check import GridCheck, any_grid
from .nifti_header import COLORS, COMPLEX, HEADER_BYTES, NUMBERS, NiftiHeader, parse_nifti_header
from .nifti_placement import place_nifti
from .value_stream import (
    CUT_OFF,
    LARGEST_IMAGE_VOXELS,
    LONGEST_PREFIX,
    MAXIMUM_DEFLATION,
    TOO_MANY_VOXELS,
    expect_end,
    read_float32,
)
from .volume import Volume

Stream: TypeAlias = "BinaryIO | gzip.GzipFile"

GZIP_MAGIC = b"\x1f\x8b"
DAMAGED = "{} is damaged or cut off; copy or export it again."
SEVERAL_VALUES = "{} has several values per voxel (a vector or color image); give a scalar image."
COMPLEX_NUMBERS = "{} holds complex numbers; give the magnitude image."
NO_BEGINNING = "{} does not say where its values begin; export it again."
PICTURE = "{} is a two-dimensional picture; give the whole volume."
SEVERAL_VOLUMES = "{} has more than three dimensions (a time series?); give a single volume."


def read_nifti(path: Path, called: str, cancel: CancelToken | None = None, check_grid: GridCheck = any_grid) -> Volume:
    """A single-file NIfTI-1 or NIfTI-2 image, compressed or not whatever its name, as float32.

    `check_grid` is asked before any value is read. Raises InputError, in a sentence that begins with `called`; OSError;
    Cancelled.
    """
    with path.open("rb") as raw:
        stored = path.stat().st_size
        if raw.read(2) != GZIP_MAGIC:
            raw.seek(0)
            return _read_stream(raw, stored, called, cancel, check_grid)
        raw.seek(0)
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                return _read_stream(stream, stored * MAXIMUM_DEFLATION, called, cancel, check_grid)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(DAMAGED.format(called)) from error


def _read_stream(
    stream: Stream, longest: int, called: str, cancel: CancelToken | None, check_grid: GridCheck
) -> Volume:
    """`longest`: more bytes than this the stream cannot have."""
    header = parse_nifti_header(stream.read(HEADER_BYTES))
    if header is None:
        raise InputError(f"{called} is not a NIfTI file although its name says so; export it again.")
    size, kind = _usable(header, called)
    placement, warnings, side_known = place_nifti(header, called)
    count = math.prod(size)
    if count > LARGEST_IMAGE_VOXELS:
        raise InputError(TOO_MANY_VOXELS.format(called))
    if count * kind.itemsize > longest:
        raise InputError(CUT_OFF.format(called))
    check_grid(size, placement.spacing)
    stream.seek(_first_value(stream, header, count * kind.itemsize, longest, called))
    values = read_float32(
        stream,
        kind,
        count,
        called,
        slope=header.slope if _scaled(header) else 1.0,
        intercept=header.intercept if _scaled(header) else 0.0,
        cancel=cancel,
    )
    expect_end(stream, called)
    return Volume(placement.image_of(values.reshape(size[::-1])), tuple(warnings), side_known)


def _usable(header: NiftiHeader, called: str) -> tuple[tuple[int, int, int], np.dtype]:
    if header.value_code in COLORS or header.is_vector:
        raise InputError(SEVERAL_VALUES.format(called))
    if header.value_code in COMPLEX:
        raise InputError(COMPLEX_NUMBERS.format(called))
    if len(header.size) < 3:
        raise InputError(PICTURE.format(called))
    if header.volume is None:
        raise InputError(SEVERAL_VOLUMES.format(called))
    if header.value_code not in NUMBERS:
        raise InputError(f"{called} holds numbers of a rare kind; convert it to 32-bit floating point.")
    return header.volume, np.dtype(header.byte_order + NUMBERS[header.value_code])


def _scaled(header: NiftiHeader) -> bool:
    """A slope of 0 means that the values are as they are; one that is no number is taken for unset, too."""
    return math.isfinite(header.slope) and header.slope != 0 and math.isfinite(header.intercept)


def _first_value(stream: Stream, header: NiftiHeader, data_bytes: int, longest: int, called: str) -> int:
    """Where the first value lies."""
    if not 0 <= header.data_offset <= LONGEST_PREFIX:
        raise InputError(NO_BEGINNING.format(called))
    offset = int(header.data_offset)
    # Four bytes that tell of extensions follow the header of a single file.
    regular = header.header_bytes + 4
    if offset < regular:
        # Inside the header, 0 as a rule: the file's length tells whether the values follow those four bytes.
        stream.seek(header.header_bytes)
        between = stream.read(4)
        stream.seek(regular + data_bytes - 4)
        behind = len(stream.read(5))
        if behind == 0:
            offset = header.header_bytes
        elif behind == 4 and not any(between):
            offset = regular
        else:
            raise InputError((CUT_OFF if behind < 4 else NO_BEGINNING).format(called))
    if offset + data_bytes > longest:
        raise InputError(CUT_OFF.format(called))
    return offset
