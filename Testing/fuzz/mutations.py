"""Damage to files: flipped bits, lost pieces, numbers that cannot be, texts and JSON values that do not belong."""

from __future__ import annotations

import copy
import gzip
import json
import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any

Files = dict[str, bytes]
"""Content by path below the folder of a case."""
Change = Callable[[bytes, Random], bytes]

NUMBERS = (
    "0", "-1", "1", "2", "7", "16", "255", "256", "32767", "-32768", "65536", "2147483647", "-2147483648", "4294967296",
    "9223372036854775807", "18446744073709551616", "1e308", "-1e308", "1e309", "1e-308", "5e-324", "0.0", "-0.0", "nan",
    "inf", "-inf", "NaN", "Infinity", "1e5", "1e-5", "0.1", "99999999999999999999999999", "1" + "0" * 400,
    "0x10", "1.5.2",
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\n", "\r\n", "\t", "..", "../../x", "/", "/etc/passwd", "-", "--cases", "=1+1",
    "\x1b[31mred", "\u202e",
    "\u2066x", "\ufeff", "\\ud800", "\\u0000", "é" * 3, "\x85", "NUL", "a" * 5000, "%d%n%s", "{}", "[]", '"', "'",
    ";", ",",
    "true", "none", "LOCAL", "LIST", "(1,0,0) (0,1,0) (0,0,1)", "gzip", "raw",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63) - 1, 10**400, 1e308, -1e308, 5e-324, float("nan"),
    float("inf"), "", "x", "\ud800", "\x1b[2J", "\u202e", "a" * 5000, "../../x", "--cases", [], {}, [[]], [None],
    [0] * 3,
    [float("nan")], {"a": 1}, [1e308] * 9, "0", "NaN",
)  # fmt: skip
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?")
_HEADER = 400
"""Bytes at the start of a file that are damaged more often than the rest."""


def damaged(data: bytes, random: Random) -> bytes:
    """One to four changes of any kind to bytes."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice(BYTE_CHANGES)(data, random)
    return data


def _place(data: bytes, random: Random) -> int:
    reach = min(len(data), _HEADER) if random.random() < 0.5 else len(data)
    return random.randrange(max(1, reach))


def flip_bit(data: bytes, random: Random) -> bytes:
    """One bit, in the header as a rule."""
    if not data:
        return b"\0"
    place = _place(data, random)
    return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]


def set_number(data: bytes, random: Random) -> bytes:
    """A binary number of any kind at any place."""
    kind = random.choice("bhiqfd")
    if kind in "fd":
        value: float = random.choice((0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), 1e5, 0.05, 3.0))
    else:
        most = 2 ** (8 * struct.calcsize(kind) - 1)
        value = random.choice((0, 1, -1, most - 1, -most, 3, 64, most // 2, 2 % most))
    number = struct.pack(random.choice("<>") + kind, value)
    place = _place(data, random) // 4 * 4 if random.random() < 0.7 else _place(data, random)
    return data[:place] + number + data[place + len(number) :]


def nudge(data: bytes, random: Random) -> bytes:
    """A binary number near the one that is there."""
    kind = random.choice(("<h", "<i", "<f", "<d", ">h", ">i", ">f"))
    size = struct.calcsize(kind)
    place = _place(data, random) // size * size
    if place + size > len(data):
        return data
    (value,) = struct.unpack_from(kind, data, place)
    try:
        changed = struct.pack(kind, random.choice((value + 1, value - 1, -value, value * 2, value // 2)))
    except (struct.error, OverflowError, ValueError):
        return data
    return data[:place] + changed + data[place + size :]


def cut(data: bytes, random: Random) -> bytes:
    """The end is missing."""
    return data[: random.choice((0, 1, _place(data, random), int(len(data) * random.random())))]


def cut_out(data: bytes, random: Random) -> bytes:
    """A piece is missing."""
    place = _place(data, random)
    return data[:place] + data[place + random.choice((1, 2, 4, 100, 4096)) :]


def insert(data: bytes, random: Random) -> bytes:
    """A piece too much: zeros, noise, a copy of another piece."""
    place, other, length = _place(data, random), _place(data, random), random.choice((1, 2, 4, 100, 4096))
    piece = random.choice((bytes(length), random.randbytes(length), data[other : other + length], b"\r\n"))
    return data[:place] + piece + data[place:]


def blank(data: bytes, random: Random) -> bytes:
    """A hole of zeros or ones."""
    place, length = _place(data, random), random.choice((4, 64, 4096))
    hole = random.choice((b"\0", b"\xff")) * min(length, len(data) - place)
    return data[:place] + hole + data[place + length :]


def append(data: bytes, random: Random) -> bytes:
    """Something follows."""
    return data + random.choice((bytes(10), random.randbytes(100), data[:1000], bytes(1 << 17)))


def convert_lines(data: bytes, random: Random) -> bytes:
    """As a program does that takes it for text."""
    return data.replace(b"\n", b"\r\n") if random.random() < 0.5 else data.replace(b"\r\n", b"\n")


BYTE_CHANGES: tuple[Change, ...] = (
    flip_bit, flip_bit, flip_bit, nudge, nudge, nudge, set_number, set_number, cut, cut_out, insert, blank,
    append, convert_lines,
)  # fmt: skip


def rewritten(text: bytes, random: Random) -> bytes:
    """One to three changes to a text of lines, or to the bytes that it is the beginning of."""
    for _ in range(random.choice((1, 1, 2, 3))):
        text = random.choice((_another_number, _another_number, _another_number, _another_line, _another_word))(
            text, random
        )
    return text if random.random() < 0.7 else damaged(text, random)


def _another_number(text: bytes, random: Random) -> bytes:
    found = list(_NUMBER.finditer(text, 0, 5000))
    if not found:
        return damaged(text, random)
    chosen = random.choice(found)
    number = float(chosen[0])
    near = f"{random.choice((number + 1, number - 1, -number, number * 2, number * 1.01, number / 2)):g}"
    other = near if random.random() < 0.5 else random.choice(NUMBERS)
    return text[: chosen.start()] + other.encode() + text[chosen.end() :]


def _another_line(text: bytes, random: Random) -> bytes:
    head, rest = text[:5000], text[5000:]
    lines = head.split(b"\n")
    place = random.randrange(len(lines))
    kind = random.randrange(4)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(place, random.choice(lines))
    elif kind == 2:
        other = random.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines.insert(place, random.choice(TEXTS).encode("utf-8", "surrogatepass"))
    return b"\n".join(lines) + rest


def _another_word(text: bytes, random: Random) -> bytes:
    words = list(re.finditer(rb"[^\s,:=;]+", text[:5000]))
    if not words:
        return text
    chosen = random.choice(words)
    return text[: chosen.start()] + random.choice(TEXTS).encode("utf-8", "surrogatepass") + text[chosen.end() :]


def changed_json(text: bytes, random: Random) -> bytes:
    """Values, keys or the text itself are others."""
    kind = random.random()
    if kind < 0.1:
        return damaged(text, random)
    if kind < 0.15:
        depth = random.choice((60, 70, 1000, 100_000))
        return b"[" * depth + text + b"]" * depth
    try:
        document = json.loads(text)
    except ValueError:
        return damaged(text, random)
    for _ in range(random.choice((1, 1, 2, 5))):
        document = changed_value(document, random)
    return json.dumps(document, indent=random.choice((None, 2))).encode()


def changed_value(document: Any, random: Random) -> Any:
    """A copy with one entry replaced, removed, doubled or renamed."""
    document = copy.deepcopy(document)
    places: list[tuple[Any, Any]] = []
    left = [document]
    while left and len(places) < 20_000:
        entry = left.pop()
        pairs = entry.items() if isinstance(entry, dict) else enumerate(entry) if isinstance(entry, list) else ()
        for key, value in pairs:
            places.append((entry, key))
            left.append(value)
    if not places:
        return random.choice(VALUES)
    container, key = random.choice(places)
    kind = random.random()
    if kind < 0.65:
        container[key] = random.choice(VALUES)
    elif kind < 0.75 and isinstance(container[key], int | float):
        container[key] = _multiplied(container[key], random.choice((-1, 0.5, 1000, 1e300))) + random.choice((0, 1, -1))
    elif kind < 0.85:
        del container[key]
    elif isinstance(container, dict):
        container[random.choice(TEXTS)] = container[key]
    else:
        container.insert(0, container[key])
    return document


def _multiplied(number: float, factor: float) -> float:
    """A whole number beyond what 64 bits of floating point hold has no product with one of those."""
    try:
        return number * factor
    except OverflowError:
        return number * 1000


def inside_gzip(change: Change) -> Change:
    """The change to what is packed, or damage to the packed stream."""

    def apply(data: bytes, random: Random) -> bytes:
        if random.random() < 0.3:
            return damaged(data, random)
        return gzip.compress(change(gzip.decompress(data), random), 1, mtime=0)

    return apply


def one_of(*changes: Change) -> Change:
    """One of the changes."""
    return lambda data, random: random.choice(changes)(data, random)


def in_one_file(change: Change, ending: str = "") -> Callable[[Files, Random], Files]:
    """The change to one of the files whose names end so."""

    def apply(files: Files, random: Random) -> Files:
        name = random.choice(sorted(name for name in files if name.endswith(ending)))
        return {**files, name: change(files[name], random)}

    return apply
