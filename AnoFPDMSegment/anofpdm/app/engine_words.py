"""Sentences of the engine as the panel shows them: the options of its command line without their dashes."""

from __future__ import annotations

import re

_OPTION = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)")


def without_dashes(sentence: str) -> str:
    """`use --device cpu` becomes `use device cpu`: the panel has settings of these names, and no command line."""
    return _OPTION.sub(lambda match: match[1].replace("-", " "), sentence)
