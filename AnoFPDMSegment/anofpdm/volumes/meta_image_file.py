"""MetaImage files are rewritten before ITK reads them: under a damaged header it writes past its memory."""

from __future__ import annotations

import math
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import SimpleITK as sitk

from ..core.errors import InputError
from .grid_check import GridCheck, any_grid
from .meta_image_header import HEADER_BYTES, MetaImageHeader, parse_meta_image_header
from .placement import NO_VOXEL_SIZE, NOT_PERPENDICULAR, SIZE_NOT_STATED
from .value_stream import LARGEST_IMAGE_VOXELS, TOO_MANY_VOXELS
from .volume import Volume

BLOCK_BYTES = 2**20
ZLIB_OR_GZIP = zlib.MAX_WBITS | 32
DAMAGED = "{} may be damaged, cut off or not an image; copy or export it again."
WRONG_LENGTH = "{} holds more or fewer values than its header says; copy or export it again."
UNKNOWN_PLACE = (
    "does not say how it lies in the patient (no TransformMatrix); its axes are taken to lead left, back and up, and "
    "the side of findings is left open, so use the image as it was converted from DICOM."
)
NO_DATA_FILE = "{} names a data file that is not there; copy all its files together again."


def read_meta_image(path: Path, called: str, check_grid: GridCheck = any_grid) -> Volume:
    """A MetaImage, its values behind the header or in files of their own.

    Raises InputError, in a sentence that begins with `called`; OSError.
    """
    with sound_copy(path, called, check_grid) as copy:
        reader = sitk.ImageFileReader()
        reader.SetImageIO("MetaImageIO")
        reader.SetFileName(str(copy))
        try:
            image = reader.Execute()
        except RuntimeError as error:
            raise InputError((NOT_PERPENDICULAR if "orthonormal" in str(error) else DAMAGED).format(called)) from error
    placed = _header(path).is_placed
    return Volume(image, () if placed else (UNKNOWN_PLACE,), placed)


@contextmanager
def sound_copy(path: Path, called: str, check_grid: GridCheck = any_grid) -> Iterator[Path]:
    """A temporary copy of a MetaImage, local and uncompressed, with geometry and kind of values in its header alone.

    Raises InputError, in a sentence that begins with `called`, if the header is damaged or states no voxel size, a data
    file is missing, or the values are not exactly as many as the header says.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "volume.mha"
        try:
            header = _header(path)
            if header.spacing is None:
                raise InputError(SIZE_NOT_STATED.format(called))
            if min(header.spacing) <= 0:
                raise InputError(NO_VOXEL_SIZE.format(called))
            if math.prod(header.size) * header.channels > LARGEST_IMAGE_VOXELS:
                raise InputError(TOO_MANY_VOXELS.format(called))
            if len(header.size) == 3:
                check_grid(header.size, header.spacing)
            with copy.open("wb") as target:
                target.write(header.rewritten().encode("ascii"))
                _write_values(header, path, target, called)
        except (KeyError, ValueError, zlib.error) as error:
            raise InputError(DAMAGED.format(called)) from error
        yield copy


def _header(path: Path) -> MetaImageHeader:
    """Raises KeyError or ValueError."""
    with path.open("rb") as stream:
        return parse_meta_image_header(stream.read(HEADER_BYTES))


def _write_values(header: MetaImageHeader, path: Path, target: BinaryIO, called: str) -> None:
    """Raises InputError, ValueError or zlib.error."""
    files = [path.parent / name for name in header.data_files] or [path]
    expected, left_over = divmod(header.data_bytes, len(files))
    # How compressed values lie in several files, or behind an offset, programs do not agree on.
    if left_over or (header.compressed and (len(files) > 1 or header.skipped_bytes)):
        raise ValueError("values in unknown places")
    for file in files:
        if not file.is_file():
            raise InputError(NO_DATA_FILE.format(called))
        start = header.skipped_bytes or (0 if header.data_files else header.header_bytes)
        if start < 0:
            start = max(0, file.stat().st_size - expected)
        stored = file.stat().st_size - start
        with file.open("rb") as source:
            source.seek(start)
            if header.compressed:
                if header.fields.get("CompressedDataSize", str(stored)) != str(stored):
                    raise ValueError("another length than stated")
                stored = _inflate(source, target, expected)
            elif stored == expected:
                shutil.copyfileobj(source, target)
        if stored != expected:
            raise InputError(WRONG_LENGTH.format(called))


def _inflate(source: BinaryIO, target: BinaryIO, expected: int) -> int:
    """Unpack one stream of zlib or gzip; returns its length, or one beyond `expected` as soon as it is longer.

    Raises ValueError where the stream ends early or something follows it, zlib.error where it is damaged.
    """
    unpacker, length = zlib.decompressobj(ZLIB_OR_GZIP), 0
    packed = source.read(BLOCK_BYTES)
    while packed and not unpacker.eof:
        values = unpacker.decompress(packed, BLOCK_BYTES)
        length += len(values)
        if length > expected:
            return length
        target.write(values)
        packed = unpacker.unconsumed_tail or source.read(BLOCK_BYTES)
    if not unpacker.eof or unpacker.unused_data or packed:
        raise ValueError("the compressed stream does not end where the file ends")
    return length
