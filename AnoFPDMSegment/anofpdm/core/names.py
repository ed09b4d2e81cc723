"""Which names may become part of a path, an option or a table: those that mean nothing to any of them."""

from __future__ import annotations

import re

_MODALITY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?<!\.)")
MODALITY_RULE = "up to 64 letters, digits and underscores, a letter first"
PLAIN_RULE = "up to 64 letters, digits, '.', '_' and '-', a letter or digit first and no '.' at the end"


def is_modality(text: str) -> bool:
    """Whether a text may name a modality (MODALITY_RULE)."""
    return _MODALITY.fullmatch(text) is not None


def is_plain_name(text: str) -> bool:
    """Whether a text may name a model or a calibration (PLAIN_RULE)."""
    return _PLAIN.fullmatch(text) is not None
