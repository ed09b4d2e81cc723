"""JSON that may be damaged or hostile, as plain values that are safe to work with."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from .bounded_file import read_text_at_most

LARGEST_JSON_BYTES = 1 << 24
"""Ten times the findings of a volume of thousands of slices."""
DEEPEST = 64
LARGEST_WHOLE = 1 << 63


def read_json(path: Path, most: int = LARGEST_JSON_BYTES) -> Any:
    """The value in a file of at most so many bytes. Raises OSError, or ValueError as `parse_json` does."""
    return parse_json(read_text_at_most(path, most))


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, with a few words that say what is wrong.

    Refused as well: numbers that are not finite or that 64 bits do not hold, nesting deeper than DEEPEST, and halves
    of characters (lone surrogates), which no file or terminal takes.
    """
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_real, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from error
    _check(value)
    return value


def _whole(text: str) -> int:
    # Converting thousands of digits takes its time.
    if len(text) > 20 or not -LARGEST_WHOLE <= int(text) < LARGEST_WHOLE:
        raise ValueError(f"the number {text[:20]}... is too large")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _check(value: Any) -> None:
    level, left = 0, [value]
    while left:
        level += 1
        if level > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels")
        inner: list[Any] = []
        for entry in left:
            if isinstance(entry, str):
                _check_text(entry)
            elif isinstance(entry, list):
                inner += entry
            elif isinstance(entry, dict):
                inner += entry.keys()
                inner += entry.values()
        left = inner


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError("it holds half a character (a lone surrogate)") from error
