"""The header of an NRRD file: what its values are, where they lie in files and in the patient.

Parsed here: a line of a thousand characters overflows the stack of the library below ITK.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LONGEST_HEADER = 2**20
MOST_AXES = 16
MOST_FILES = 2**14
MOST_LINES = 2**16
"""Skipped before the values."""
LONGEST_VALUE = 2**12
"""Characters of a field that is looked at."""
LARGEST_NUMBER = 18
_MAGIC = re.compile(rb"NRRD000[1-9]\r?\n")
_WHOLE = re.compile(rf"-?[0-9]{{1,{LARGEST_NUMBER}}}")
_VECTOR = re.compile(r"\s*(none|\([^()]*\))", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*)%(0?[0-9]?)[dui](.*?)\s+(-?[0-9]{1,9})\s+(-?[0-9]{1,9})\s+(-?[0-9]{1,9})(?:\s+[0-9]+)?")
_LIST = re.compile(r"LIST(\s+[0-9]+)?")
_SPACES = {"right-anterior-superior": (-1.0, -1.0, 1.0), "left-anterior-superior": (1.0, -1.0, 1.0)}
_SPACES |= {"left-posterior-superior": (1.0, 1.0, 1.0)}
_SPACES |= {"ras": (-1.0, -1.0, 1.0), "las": (1.0, -1.0, 1.0), "lps": (1.0, 1.0, 1.0)}
TO_LPS = _SPACES | {name + ("t" if len(name) == 3 else "-time"): signs for name, signs in _SPACES.items()}
"""What turns the axes of a space of the patient into left, posterior, superior."""
NUMBERS = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "signed long long int"), "i8"),
    **dict.fromkeys(("int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
ENCODINGS = {
    "raw": "raw",
    **dict.fromkeys(("gz", "gzip"), "gzip"),
    **dict.fromkeys(("bz2", "bzip2"), "bzip2"),
    **dict.fromkeys(("txt", "text", "ascii"), "text"),
    "hex": "hex",
}
_LOOKED_AT = (
    "dimension", "sizes", "type", "encoding", "endian", "kinds", "lineskip", "byteskip", "datafile", "spacings",
    "spacedirections", "spaceorigin", "space",
)  # fmt: skip
NOT_SPATIAL = re.compile(
    r"vector|list|point|covariant-vector|normal|stub|scalar|complex|.*(color|vector|matrix|gradient|normal|quaternion)"
)
"""Kinds of axes that hold several values of one place."""

FloatArray = npt.NDArray[np.float64]


class UnknownEncodingError(ValueError):
    """The values are packed in a way that is not read."""


@dataclass(frozen=True)
class NrrdHeader:
    """A header whose sizes and kind of values are sound."""

    sizes: tuple[int, ...]
    """Of all axes, the fastest first."""
    kinds: tuple[str, ...]
    """Of all axes; empty where not stated."""
    number: str
    """As numpy calls it, without byte order."""
    byte_order: str
    encoding: str
    line_skip: int
    byte_skip: int
    data_files: tuple[str, ...] | None
    """As the header names them, in the order of the values; None: the values follow the header."""
    header_bytes: int
    directions: tuple[FloatArray | None, ...]
    """One voxel's step along each axis, in the space's axes; None for an axis that is not of space."""
    spacings: tuple[float | None, ...]
    """Of each axis where no directions are stated; None for an axis that has none."""
    origin: FloatArray | None
    space: str

    @property
    def is_complex(self) -> bool:
        """Whether pairs of values are complex numbers."""
        return any(kind == "complex" and size == 2 for kind, size in zip(self.kinds, self.sizes, strict=False))

    def spatial(self) -> list[int]:
        """Numbers of the axes that are of space, or of time."""
        if any(direction is not None for direction in self.directions):
            return [axis for axis, direction in enumerate(self.directions) if direction is not None]
        kinds = self.kinds or ("",) * len(self.sizes)
        meant = [axis for axis, kind in enumerate(kinds) if not NOT_SPATIAL.fullmatch(kind)]
        stated = [axis for axis in meant if self.spacings[axis] is not None]
        # An axis without a spacing is one of several values, unless too few would be left: then it lacks its spacing.
        return stated if len(stated) >= min(3, len(meant)) else meant


def parse_nrrd_header(start: bytes) -> NrrdHeader:
    """The header at the start of a file. Raises KeyError or ValueError where it is not whole and consistent."""
    magic = _MAGIC.match(start)
    if magic is None:
        raise ValueError("another kind of file")
    fields, listed, end = _fields(start, magic.end())
    if any(len(fields.get(name, "")) > LONGEST_VALUE for name in _LOOKED_AT):
        raise ValueError("a field of thousands of characters")
    count = _whole(fields["dimension"], 1, MOST_AXES)
    sizes = tuple(_whole(word, 1) for word in fields["sizes"].split())
    if len(sizes) != count:
        raise ValueError("dimension and sizes differ in number")
    number = NUMBERS[" ".join(fields["type"].lower().split())]
    encoding = _encoding(fields["encoding"])
    byte_order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower(), "")
    if not byte_order and encoding != "text" and np.dtype(number).itemsize > 1:
        raise ValueError("no byte order")
    return NrrdHeader(
        sizes=sizes,
        kinds=_each(fields.get("kinds", "").lower().split(), count),
        number=number,
        byte_order=byte_order or "<",
        encoding=encoding,
        line_skip=_whole(fields.get("lineskip", "0"), 0, MOST_LINES),
        byte_skip=_whole(fields.get("byteskip", "0"), -1),
        data_files=_data_files(fields["datafile"], listed) if "datafile" in fields else None,
        header_bytes=end,
        directions=_directions(fields, count),
        spacings=tuple(map(_spacing, _each(fields.get("spacings", "").split(), count) or ("nan",) * count)),
        origin=_vector(fields["spaceorigin"]) if "spaceorigin" in fields else None,
        space=fields.get("space", "").lower().strip(),
    )


def _fields(start: bytes, position: int) -> tuple[Mapping[str, str], list[str], int]:
    """Field names without spaces and capitals, what follows a list of data files, and where the values may begin."""
    fields: dict[str, str] = {}
    while True:
        end = start.find(b"\n", position)
        if end < 0 and "datafile" not in fields:
            raise ValueError("no end")
        line = start[position : end if end >= 0 else len(start)].decode("utf-8", "surrogateescape").rstrip("\r")
        position = end + 1 if end >= 0 else len(start)
        if not line:
            return fields, [], position
        name, separator, value = line.partition(":")
        if line.startswith("#") or value.startswith("="):
            continue
        key = name.lower().replace(" ", "")
        if not separator or key in fields:
            raise ValueError("no field, or one of them twice")
        fields[key] = value.strip()
        if key == "datafile" and _LIST.fullmatch(fields[key]):
            rest = start[position:].decode("utf-8", "surrogateescape").splitlines()
            return fields, [line.strip() for line in rest if line.strip()], len(start)


def _encoding(text: str) -> str:
    if text.lower() not in ENCODINGS:
        raise UnknownEncodingError(text)
    return ENCODINGS[text.lower()]


def _data_files(value: str, listed: list[str]) -> tuple[str, ...]:
    if _LIST.fullmatch(value):
        names = listed
    elif numbered := _NUMBERED.fullmatch(value):
        before, width, behind, first, last, step = numbered.groups()
        by = int(step)
        numbers = range(int(first), int(last) + (1 if by > 0 else -1), by)
        names = [f"{before}{number:{width}d}{behind}" for number in numbers[: MOST_FILES + 1]]
    else:
        names = [value]
    if not 1 <= len(names) <= MOST_FILES or any(not name or "\0" in name for name in names):
        raise ValueError("no data file")
    return tuple(names)


def _directions(fields: Mapping[str, str], count: int) -> tuple[FloatArray | None, ...]:
    text = fields.get("spacedirections")
    if text is None:
        return (None,) * count
    words = _VECTOR.findall(text)
    if _VECTOR.sub("", text).strip() or len(words) != count:
        raise ValueError("not that many directions")
    return tuple(None if word.lower() == "none" else _vector(word) for word in words)


def _vector(text: str) -> FloatArray:
    text = text.strip()
    if not (text.startswith("(") and text.endswith(")")):
        raise ValueError("no vector")
    return np.array([float(word) for word in text[1:-1].split(",")])


def _spacing(word: str) -> float | None:
    number = float(word)
    return None if np.isnan(number) else number


def _each(words: list[str], count: int) -> tuple[str, ...]:
    if words and len(words) != count:
        raise ValueError("not one for each axis")
    return tuple(words)


def _whole(text: str, least: int, most: int = 10**LARGEST_NUMBER) -> int:
    if not _WHOLE.fullmatch(text.strip()) or not least <= int(text) <= most:
        raise ValueError("no whole number, or one that cannot be")
    return int(text)
