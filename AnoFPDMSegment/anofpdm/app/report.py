"""The report of a result: one HTML file with pictures, tables, parameters and the model's card."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..gate.opinion import UNKNOWN_SENTENCE
from ..methods.registry import find_method
from ..methods.settings_text import settings_rows
from .findings_tables import component_columns, slice_columns
from .model_card import card_as_html

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..results.case import CaseEvidence
    from ..results.detection import Detection

_NOTHING_FROM_ELSEWHERE = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)
"""A browser loads nothing for the page, whatever a card or a name holds."""
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1f; max-width: 62em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ccc }
.notice { border: 2px solid #b00020; padding: .6em 1em; font-weight: 600; color: #b00020 }
.warning { border-left: 4px solid #e09b00; padding-left: .8em }
table { border-collapse: collapse; font-size: .9em } th, td { border: 1px solid #ccc; padding: .25em .6em }
th { background: #f2f2f5; text-align: left } td.number { text-align: right; font-variant-numeric: tabular-nums }
tr.rejected td { color: #888; text-decoration: line-through }
figure { margin: 0 0 1em 0; break-inside: avoid } figure img { margin-right: 4px; max-width: 32%; height: auto }
figcaption { font-size: .85em } figcaption span { display: block; color: #555 }
.scale img { vertical-align: middle } .swatch { border-left: 1em solid; padding-left: .5em }
pre { white-space: pre-wrap; background: #f7f7f9; padding: 1em }
.card { border-left: 4px solid #ccc; padding-left: 1em }
@media print {
  body { font-size: 10pt; max-width: none; margin: 0; padding: 0 }
  h2, h3 { break-after: avoid } table { break-inside: auto } tr { break-inside: avoid }
  details > summary { display: none } details::details-content { content-visibility: visible; block-size: auto }
  img, th { -webkit-print-color-adjust: exact; print-color-adjust: exact }
}
"""


@dataclass(frozen=True)
class Reported:
    """A detection as the user left it."""

    case: CaseEvidence
    detection: Detection
    name: str
    """Of the result, for people."""
    accepted: Sequence[bool]
    """The review of each component."""
    outline: NDArray[np.bool_]
    """[k, j, i]: the segmentation as it is now."""
    segmentation: str
    """What it holds beyond, or short of, the detection: a sentence."""
    changed: bool
    """Whether that is something to be warned of."""
    whose: Sequence[str] = ()
    """Patient and study; empty: the page does not say."""


def report_page(reported: Reported, png: Callable[[NDArray[np.uint8]], bytes], model_card: str = "") -> str:
    """The whole page; everything it shows is inside it.

    png: the file of a picture [h, w, 3], row 0 on top. model_card: Markdown.
    """
    from .report_pictures import ReportPictures

    case, findings = reported.case, reported.detection.findings
    pictures = ReportPictures(reported.detection, reported.outline, png)
    kind = ' class="warning"' if reported.changed else ""
    parts = [
        f"<h1>AnoFPDM: {_escaped(reported.name)}</h1>",
        f"<p>{_escaped(' · '.join(filter(None, reported.whose)))}</p>" if reported.whose else "",
        f'<p class="notice">{_escaped(findings["statement"])}</p>',
        f"<p>{_escaped(findings['summary'])}</p>",
        *_gate(findings),
        f"<p{kind}>{_escaped(reported.segmentation)}</p>",
        *(f'<p class="warning">{_escaped(text)}</p>' for text in findings["warnings"]),
        "<h2>Findings</h2>",
        _findings(findings["components"], reported.accepted),
        *_structures(findings["segments"][1:], pictures.structure_color),
        "<h2>Slices</h2>",
        *pictures.figures(),
        "<details><summary>Every slice</summary>",
        _table(slice_columns(findings)),
        "</details>",
        "<h2>Parameters</h2>",
        _pairs(_parameters(findings)),
        "<h2>Model</h2>",
        _pairs({**findings["model"], "citation": case.model.citation}),
        card_as_html(model_card) if model_card else "",
        f'<p class="notice">{_escaped(findings["statement"])}</p>',
    ]
    title = _escaped(f"AnoFPDM: {reported.name}")
    head = f'<meta charset="utf-8">{_NOTHING_FROM_ELSEWHERE}<title>{title}</title><style>{_STYLE}</style>'
    body = "\n".join(part for part in parts if part)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _gate(findings: Mapping[str, Any]) -> list[str]:
    """The gate's state, and what of its checks is not green."""
    state = findings["gate"]
    told = [f"Gate: {state}." if state else f"Gate: unknown. {UNKNOWN_SENTENCE}"]
    told += [each["sentence"] for each in findings["gate_checks"] if each["state"] != "green"]
    kind = "" if state == "green" else ' class="warning"'
    return [f"<p{kind}>{_escaped(' '.join(told))}</p>"]


def _findings(components: Sequence[Mapping[str, Any]], accepted: Sequence[bool]) -> str:
    if not components:
        return "<p>None.</p>"
    columns = component_columns(components, accepted)
    _, _, kept = columns[-1]
    return _table(columns, ["" if each == "yes" else "rejected" for each in kept])


def _structures(segments: Sequence[Mapping[str, Any]], color: Callable[[int], str]) -> list[str]:
    """Those that the method outlines beside the findings, with the color of each outline."""
    if not segments:
        return []
    rows = "".join(
        f'<tr><td><span class="swatch" style="border-color: {color(number)}">{_escaped(segment["name"])}</span></td>'
        f"{_cell(segment['volume_ml'])}</tr>"
        for number, segment in enumerate(segments, 1)
    )
    return ["<h2>Structures</h2>", f"<table><tr><th>Structure</th><th>Volume [mL]</th></tr>{rows}</table>"]


def _parameters(findings: Mapping[str, Any]) -> dict[str, Any]:
    files = {f"input {name}": file for name, file in findings["input"]["files"].items()}
    software = ", ".join(f"{name} {version}" for name, version in findings["software"].items())
    run = {name: findings[name] for name in ("created", "device", "run_time_s", "seed")}
    method = find_method(findings["method"]["name"])
    return {
        **files,
        "method": method.title,
        **settings_rows(method, findings["parameters"]),
        **run,
        "software": software,
    }


def _table(columns: Sequence[tuple[str, str, Sequence[Any]]], classes: Sequence[str] | None = None) -> str:
    head = "".join(f"<th>{_escaped(title)}</th>" for title, _, _ in columns)
    rows = []
    for number, values in enumerate(zip(*(values for _, _, values in columns), strict=True)):
        kind = f' class="{classes[number]}"' if classes and classes[number] else ""
        cells = (_cell(value) for value in values)
        rows.append(f"<tr{kind}>{''.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _cell(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (
            f'<td class="number">{value:.4g}</td>' if isinstance(value, float) else f'<td class="number">{value}</td>'
        )
    return f"<td>{_escaped(_text(value))}</td>"


def _pairs(values: Mapping[str, Any]) -> str:
    rows: Iterable[str] = (
        f"<tr><th>{_escaped(name.replace('_', ' '))}</th><td>{_escaped(_text(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _escaped(text: str) -> str:
    """`text` that is neither markup nor changes the direction in which the page is read."""
    from ..core.plain_text import printable

    return html.escape(printable(text))


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
