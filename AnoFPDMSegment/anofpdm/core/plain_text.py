"""Texts of models, files and results for terminals, tables and pages: what would steer these is made visible."""

from __future__ import annotations

import re

STEERING = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
)
"""Control characters other than tab and line feed, line and paragraph separators, what changes the direction of writing
or takes no room (Unicode TR 36, 2.5), halves of characters."""
_STEERING = re.compile(f"[{STEERING}]")
LONGEST_BRIEF = 100
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets take a cell that begins so for a formula (OWASP, CSV injection)."""


def printable(text: str) -> str:
    """`text` with escapes such as \\x1b in place of characters that are instructions; lines and tabs stay."""
    return _STEERING.sub(_escaped, text)


def brief(error: object) -> str:
    """The beginning of what a library says, in one line; it may quote whatever a file holds."""
    return " ".join(printable(str(error)).split())[:LONGEST_BRIEF]


def table_cell(text: str) -> str:
    """`text` as one cell of a CSV file, which no spreadsheet takes for a formula."""
    return printable(f"'{text}" if text.startswith(_FORMULA) else text)


def markdown_cell(text: str) -> str:
    """`text` in one line of a Markdown table or heading, without markup of its own."""
    line = " ".join(printable(text).split())
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", line)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
