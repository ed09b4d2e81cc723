"""Every exit status of the command line, and what it means. The README's table says the same."""

from __future__ import annotations

from .errors import WITHHELD

FINISHED = 0
SEVERAL_KINDS = 1
UNUSABLE_FILE = 2
UNPRINTABLE = 4
OUT_OF_MEMORY = 6
MISSING_PACKAGE = 69
UNEXPECTED = 70
CANCELLED = 130

EXIT_STATUSES = {
    FINISHED: "finished",
    SEVERAL_KINDS: "cases of a table failed for reasons of several kinds, or nobody reads standard output any more",
    UNUSABLE_FILE: "input, settings or the call itself",
    3: "model",
    UNPRINTABLE: "output, or the log file",
    5: "stored result",
    OUT_OF_MEMORY: "memory",
    WITHHELD: "findings withheld by a red gate; all else is written",
    MISSING_PACKAGE: "a Python package is missing",
    UNEXPECTED: "unexpected error: please report it",
    CANCELLED: "cancelled",
}
"""69 and 70 are EX_UNAVAILABLE and EX_SOFTWARE of sysexits.h, 130 is a shell's for Ctrl-C."""
