"""MetaImage headers are checked before ITK reads them: a damaged one can make it write past its memory."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

from ..errors import InputError

DAMAGED = "{} may be damaged, cut off or not an image; copy or export it again."
HEADER_BYTES = 1 << 16
ELEMENT_BYTES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG": 4,
    "MET_ULONG": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}


def check_meta_image_file(path: Path, called: str) -> None:
    """Raises InputError unless header and compressed data of a MetaImage file agree in size."""
    with path.open("rb") as stream:
        start = stream.read(HEADER_BYTES)
    fields: dict[str, str] = {}
    position = 0
    while "ElementDataFile" not in fields:
        end = start.find(b"\n", position)
        name, equals, value = start[position:end].decode("latin-1").partition("=")
        if end < 0 or not equals:
            raise InputError(DAMAGED.format(called))
        fields[name.strip()] = value.strip()
        position = end + 1
    try:
        size = [int(n) for n in fields["DimSize"].split()]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        expected = math.prod(size) * channels * ELEMENT_BYTES[fields["ElementType"]]
        sound = len(size) == int(fields["NDims"]) and 1 <= len(size) <= 5 and min(size) > 0 and channels > 0
    except (KeyError, ValueError) as error:
        raise InputError(DAMAGED.format(called)) from error
    if not sound:
        raise InputError(DAMAGED.format(called))
    if fields.get("CompressedData", "False").lower() == "true" and fields["ElementDataFile"] == "LOCAL":
        _check_compressed(path, position, expected, fields.get("CompressedDataSize"), called)


def _check_compressed(path: Path, position: int, expected: int, stated: str | None, called: str) -> None:
    with path.open("rb") as stream:
        stream.seek(position)
        packed = stream.read()
    unpacker, length = zlib.decompressobj(), 0
    try:
        while packed and not unpacker.eof and length <= expected:
            length += len(unpacker.decompress(packed, 1 << 24))
            packed = unpacker.unconsumed_tail
    except zlib.error as error:
        raise InputError(DAMAGED.format(called)) from error
    used = path.stat().st_size - position
    if not unpacker.eof or length != expected or (stated is not None and stated != str(used)):
        raise InputError(DAMAGED.format(called))
