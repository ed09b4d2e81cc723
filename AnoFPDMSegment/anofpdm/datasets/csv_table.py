"""Tables that people make, with spreadsheets as a rule: rows of text from a CSV file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ..core.bounded_file import read_text_at_most

LARGEST_TABLE_BYTES = 1 << 26
NOT_UTF_8 = "it is not a text file in UTF-8; save it as CSV (UTF-8)"


def read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the other rows that are not blank, each with its line.

    Separated by commas, or by semicolons where the first line has no comma. Raises OSError, and ValueError in plain
    words for what is no table.
    """
    try:
        # Spreadsheets put a byte-order mark in front.
        text = read_text_at_most(path, LARGEST_TABLE_BYTES)
    except UnicodeDecodeError as error:
        raise ValueError(NOT_UTF_8) from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter_of(text))
    try:
        rows = [(reader.line_num, fields) for fields in reader if any(field.strip() for field in fields)]
    except csv.Error as error:
        raise ValueError(f"it is not a CSV file (line {reader.line_num}: {error})") from error
    if not rows:
        raise ValueError("it is empty")
    return rows[0][1], rows[1:]


def _delimiter_of(text: str) -> str:
    """What separates the columns of a table: commas, or semicolons as spreadsheets of some languages write them."""
    first = text.partition("\n")[0]
    return ";" if ";" in first and "," not in first else ","
