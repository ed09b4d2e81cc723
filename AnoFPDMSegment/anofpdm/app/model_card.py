"""A model's card, Markdown, as a part of a page that loads nothing. Needs markdown-it-py; else it is shown as it is."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from ..core.plain_text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_ELSEWHERE = ("http://", "https://")


def card_as_html(text: str) -> str:
    """The card's headings begin two levels down, as a part of a page. Whatever HTML it holds is text."""
    text = printable(text)
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        return f"<pre>{html.escape(text)}</pre>"
    # A picture would be loaded from elsewhere.
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + 2)}"
        if token.children:
            token.children = _without_links_to_files(token.children)
    page: str = reader.renderer.render(tokens, reader.options, {})
    return f'<div class="card">{page}</div>'


def _without_links_to_files(tokens: Sequence[Any]) -> list[Any]:
    """Their text alone: the page has no files beside it."""
    kept: list[Any] = []
    leads_away: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            leads_away.append(str(token.attrGet("href")).startswith(_ELSEWHERE))
        keep = leads_away[-1] if token.type in ("link_open", "link_close") else True
        if token.type == "link_close":
            leads_away.pop()
        if keep:
            kept.append(token)
    return kept
