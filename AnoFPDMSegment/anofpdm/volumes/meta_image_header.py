"""The header of a MetaImage file: the few fields that say what its values are and where they lie."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HEADER_BYTES = 1 << 16
MOST_DIMENSIONS = 5
MOST_FILES = 1 << 14
LONGEST_LINE = 1 << 12
ELEMENT_KINDS = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
"""Signed, unsigned or floating, and the length in bytes."""
_LOCAL = ("LOCAL", "Local", "local")
# Where a file has several of these, the first counts, as for ITK.
_BYTE_ORDER = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
_SPACINGS = ("ElementSpacing", "ElementSize")
_ORIGINS = ("Origin", "Offset", "Position")
_MATRICES = ("TransformMatrix", "Rotation", "Orientation")
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
    def kind(self) -> str:
        """Of a value, with its byte order: `<i2`. Raises ValueError if the order is not told as true or false."""
        told = next((self.fields[name] for name in _BYTE_ORDER if name in self.fields), "False")
        return f"{'>' if _truth(told) else '<'}{ELEMENT_KINDS[self.element_type]}"

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Of each axis, in mm; None if the file states none. Raises ValueError if it is not that many numbers."""
        return self._numbers(_SPACINGS, len(self.size))

    @property
    def origin(self) -> tuple[float, ...]:
        """Of the first voxel in LPS mm, 0 where none is stated. Raises ValueError if it is not that many numbers."""
        return self._numbers(_ORIGINS, len(self.size)) or (0.0,) * len(self.size)

    @property
    def axes(self) -> tuple[tuple[float, ...], ...]:
        """The direction of each axis in LPS, those of the patient where none is stated. Raises ValueError likewise."""
        rank = len(self.size)
        numbers = self._numbers(_MATRICES, rank * rank)
        if numbers is None:
            return tuple(tuple(float(row == column) for column in range(rank)) for row in range(rank))
        return tuple(numbers[row * rank : (row + 1) * rank] for row in range(rank))

    @property
    def is_placed(self) -> bool:
        """Whether the file says how its axes lie in the patient."""
        return any(name in self.fields for name in _MATRICES) or self.fields.get("AnatomicalOrientation") == "RAI"

    def _numbers(self, names: Iterable[str], count: int) -> tuple[float, ...] | None:
        """Of the first of these fields that is there: `count` finite numbers."""
        text = next((self.fields[name] for name in names if name in self.fields), None)
        if text is None:
            return None
        numbers = tuple(float(word) for word in text.split())
        if len(numbers) != count or not all(map(math.isfinite, numbers)):
            raise ValueError("not that many finite numbers")
        return numbers


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
    if fields["ElementType"] not in ELEMENT_KINDS:
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
