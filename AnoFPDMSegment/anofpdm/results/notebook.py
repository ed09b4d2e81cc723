"""A result as notebooks show it: HTML that needs no other file."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from typing import Any

from .findings_text import format_findings


def html_of(findings: Mapping[str, Any], overlay: bytes | None) -> str:
    """The text of the findings, and below it the overlay, a PNG, if there is one."""
    text = f"<pre>{html.escape(format_findings(findings))}</pre>"
    if overlay is None:
        return text
    picture = base64.b64encode(overlay).decode("ascii")
    return f'{text}<img alt="Slices with findings" style="max-width: 100%" src="data:image/png;base64,{picture}">'
