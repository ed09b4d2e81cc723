"""What the compressed frames of a DICOM file say of their own size.

Decoders believe it: one bit flipped there makes them reserve gigabytes, or work on nothing for many seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

JPEG = b"\xff\xd8\xff"
JPEG_2000 = b"\xff\x4f\xff\x51"
JPEG_2000_FILE = b"\x00\x00\x00\x0cjP"
BOXES_BYTES = 1024
"""Of a JPEG 2000 file, before its stream."""
MOST_TILES = 4096
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_SIZES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
"""Markers of a JPEG or JPEG-LS frame's size."""
_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers that nothing belongs to."""


def check_frames(pixels: bytes, columns: int, rows: int) -> None:
    """Raise ValueError unless all frames in encapsulated `pixels` (PS3.5, A.4) that state a size state this one."""
    for fragment in _fragments(pixels):
        if fragment.startswith(JPEG_2000_FILE):
            begin = fragment.find(JPEG_2000, 0, BOXES_BYTES)
            if begin < 0:
                raise ValueError("no stream in the frame")
            fragment = fragment[begin:]
        if fragment.startswith(JPEG_2000):
            _check_jpeg_2000(fragment, columns, rows)
        elif fragment.startswith(JPEG):
            _check_jpeg(fragment, columns, rows)


def _fragments(pixels: bytes) -> Iterator[bytes]:
    """Without the table of offsets, which comes first."""
    place, first = 0, True
    while pixels[place : place + 4] == _ITEM:
        (length,) = struct.unpack_from("<I", pixels, place + 4)
        if length > len(pixels) - place - 8:
            raise ValueError("a fragment that is cut off")
        if not first:
            yield pixels[place + 8 : place + 8 + length]
        place, first = place + 8 + length, False
    if place < len(pixels) and pixels[place : place + 4] != _END:
        raise ValueError("no fragment where one should be")


def _check_jpeg_2000(stream: bytes, columns: int, rows: int) -> None:
    # ISO/IEC 15444-1, A.5.1: sizes of the reference grid and the tiles, each with its offset.
    x, y, x0, y0, tile_x, tile_y, _, _ = struct.unpack_from(">8I", stream, 8)
    if (x - x0, y - y0) != (columns, rows) or min(tile_x, tile_y) < 1:
        raise ValueError("another size than the header's")
    if -(-columns // tile_x) * -(-rows // tile_y) > MOST_TILES:
        raise ValueError("too many tiles")


def _check_jpeg(stream: bytes, columns: int, rows: int) -> None:
    place = 2
    while place + 4 <= len(stream):
        if stream[place] != 0xFF:
            raise ValueError("no marker where one should be")
        marker = stream[place + 1]
        if marker == 0xFF or marker in _ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", stream, place + 2)
        if marker in _SIZES:
            height, width = struct.unpack_from(">2H", stream, place + 5)
            if (width, height) != (columns, rows):
                raise ValueError("another size than the header's")
            return
        place += 2 + max(length, 2)
    raise ValueError("no size")
