"""What must hold, or else the test fails with a sentence."""

from __future__ import annotations

from typing import Any


def require(condition: object, sentence: str) -> None:
    """Raises AssertionError with the sentence unless the condition holds."""
    if not condition:
        raise AssertionError(sentence)


def requireEqual(found: Any, expected: Any, what: str) -> None:
    """Raises AssertionError that names both unless they are equal."""
    require(found == expected, f"{what}: {found!r}, not {expected!r}")
