"""The header of a MetaImage file: the few fields that say what its values are and where they lie."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

HEADER_BYTES = 1 << 16
MOST_DIMENSIONS = 5
MOST_FILES = 1 << 14
LONGEST_LINE = 1 << 12
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
_LOCAL = ("LOCAL", "Local", "local")
_BYTE_ORDER = ("ElementByteOrderMSB", "BinaryDataByteOrderMSB")
_VECTORS = ("Position", "Origin", "Offset", "ElementSize", "ElementSpacing")
_SPACINGS = ("ElementSpacing", "ElementSize")
_MATRICES = ("Orientation", "Rotation", "TransformMatrix")
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_SEPARATOR = re.compile(r"[=:]")
_LIST = re.compile(r"LIST(\s+[0-9]D?)?")
_NUMBERED = re.compile(r"(.*)%(0?[0-9]?)d(.*?)\s+(-?[0-9]{1,9})\s+(-?[0-9]{1,9})(?:\s+(-?[0-9]{1,9}))?")


@dataclass(frozen=True)
class MetaImageHeader:
    """A header whose sizes are sound; what else it says is in `fields`, not looked at yet."""

    size: tuple[int, ...]
    channels: int
    element_type: str
    compressed: bool
    data_files: tuple[str, ...]
    """As the header names them, in the order of the values; empty: the values follow the header."""
    header_bytes: int
    """Length of the header itself."""
    skipped_bytes: int
    """At the start of every data file, not counting the header itself; -1: whatever precedes the values."""
    fields: Mapping[str, str]

    @property
    def data_bytes(self) -> int:
        """Length of the values when they are not compressed."""
        return math.prod(self.size) * self.channels * ELEMENT_BYTES[self.element_type]

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Of each axis, in mm; None if the file states none. Raises ValueError if it is not that many numbers."""
        for name in _SPACINGS:
            if name in self.fields:
                return tuple(map(float, _numbers(self.fields[name], len(self.size)).split()))
        return None

    @property
    def is_placed(self) -> bool:
        """Whether the file says how its axes lie in the patient."""
        return any(name in self.fields for name in _MATRICES) or self.fields.get("AnatomicalOrientation") == "RAI"

    def rewritten(self) -> str:
        """A header for the same values, uncompressed behind it: geometry, kind of values and byte order alone.

        Raises ValueError if one of these is not what its name says.
        """
        rank = len(self.size)
        lines = {"ObjectType": "Image", "NDims": str(rank), "BinaryData": "True", "CompressedData": "False"}
        lines |= {name: str(_truth(self.fields[name])) for name in _BYTE_ORDER if name in self.fields}
        for names, count in ((_MATRICES, rank * rank), (_VECTORS, rank)):
            lines |= {name: _numbers(self.fields[name], count) for name in names if name in self.fields}
        lines["DimSize"] = " ".join(map(str, self.size))
        lines["ElementNumberOfChannels"] = str(self.channels)
        lines["ElementType"] = self.element_type
        lines["ElementDataFile"] = "LOCAL"
        return "".join(f"{name} = {value}\n" for name, value in lines.items())


def parse_meta_image_header(start: bytes) -> MetaImageHeader:
    """The header at the start of a file. Raises KeyError or ValueError where it is not whole and consistent."""
    fields: dict[str, str] = {}
    position = 0
    while "ElementDataFile" not in fields:
        end = start.index(b"\n", position)
        line = _text(start[position:end])
        position = end + 1
        if line:
            separator = _SEPARATOR.search(line)
            if separator is None or len(line) > LONGEST_LINE:
                raise ValueError("no field, or one of thousands of characters")
            fields[line[: separator.start()].rstrip()] = line[separator.end() :].lstrip()
    size = tuple(_positive(number) for number in fields["DimSize"].split())
    if len(size) != _positive(fields["NDims"]) or len(size) > MOST_DIMENSIONS:
        raise ValueError("dimensions and sizes differ in number")
    if fields["ElementType"] not in ELEMENT_BYTES:
        raise ValueError("unknown kind of values")
    if not _truth(fields.get("BinaryData", "True")):
        raise ValueError("values written as text")
    return MetaImageHeader(
        size=size,
        channels=_positive(fields.get("ElementNumberOfChannels", "1")),
        element_type=fields["ElementType"],
        compressed=_truth(fields.get("CompressedData", "False")),
        data_files=_data_files(fields["ElementDataFile"], start[position:]),
        header_bytes=position,
        skipped_bytes=_whole(fields.get("HeaderSize", "0"), least=-1),
        fields=fields,
    )


def _data_files(value: str, rest: bytes) -> tuple[str, ...]:
    """Names; none where the values follow the header. Raises ValueError."""
    if value in _LOCAL:
        return ()
    if _LIST.fullmatch(value):
        names = [line for line in map(_text, rest.splitlines()) if line]
    elif numbered := _NUMBERED.fullmatch(value):
        before, width, behind, first, last, step = numbered.groups()
        by = int(step or 1)
        numbers = range(int(first), int(last) + (1 if by > 0 else -1), by)
        names = [f"{before}{number:{width}d}{behind}" for number in numbers[:MOST_FILES]]
    else:
        names = [value]
    if not names:
        raise ValueError("no data file")
    return tuple(names)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape").strip()


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError("neither true nor false")
    return _TRUTH[text.lower()]


def _positive(text: str) -> int:
    return _whole(text, least=1)


def _whole(text: str, least: int) -> int:
    if not _WHOLE.fullmatch(text) or int(text) < least:
        raise ValueError("no whole number, or too small a one")
    return int(text)


def _numbers(text: str, count: int) -> str:
    """`count` finite numbers, written anew."""
    numbers = [float(word) for word in text.split()]
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError("not that many finite numbers")
    return " ".join(map(repr, numbers))
