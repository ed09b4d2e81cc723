"""Findings as a short text for people: on the console, and above pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..gate.opinion import UNKNOWN_SENTENCE
from ..methods.registry import find_method
from ..methods.settings_text import settings_line


def format_findings(document: Mapping[str, Any]) -> str:
    """The text printed at the end of a run: summary, components, slices, warnings, settings."""
    model = document["model"]
    lines = [document["summary"], ""]
    if document["components"]:
        lines += [*_component_table(document["components"]), ""]
    lines += _slice_lines(document["slices"])
    lines += _gate_lines(document)
    lines += [f"Warning: {warning}" for warning in document["warnings"]]
    calibration = model["calibration"] or "none"
    lines.append(f"Model {model['name']} {model['version']} (licence {model['licence']}), calibration {calibration}.")
    settings = describe_settings(document)
    lines.append(f"{find_method(document['method']['name']).title}{settings and f': {settings}'}.")
    lines.append(f"{document['run_time_s']:.0f} s on {document['device']}.")
    lines.append(document["statement"])
    return "\n".join(lines) + "\n"


def _gate_lines(document: Mapping[str, Any]) -> list[str]:
    """The gate's state, and what of its checks is not green."""
    state = document["gate"]
    if state is None:
        return [f"Gate: unknown. {UNKNOWN_SENTENCE}"]
    told = [each["sentence"] for each in document["gate_checks"] if each["state"] != "green"]
    return [f"Gate: {state}.", *(f"  {sentence}" for sentence in told)]


def by_confidence(components: Sequence[Mapping[str, Any]]) -> list[int]:
    """Indices of the components, the surest first; where nobody measured it, as they come."""
    return sorted(range(len(components)), key=lambda index: -(components[index]["confidence"] or 0.0))


def describe_settings(document: Mapping[str, Any]) -> str:
    """What of a result's parameters most changes it, in one line; empty for a method without settings."""
    return settings_line(find_method(document["method"]["name"]), document["parameters"])


def _slice_lines(slices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which slices are decided unhealthy, and which others hold a region all the same."""
    marked = [entry for entry in slices if entry["area_mm2"] > 0]
    kinds = {
        "that look unhealthy": [entry for entry in slices if entry["decision"] == "unhealthy"],
        "that hold a region": [entry for entry in marked if entry["decision"] is None],
        "decided healthy that hold a region (ungated)": [entry for entry in marked if entry["decision"] == "healthy"],
    }
    lines = [f"Slices {kind}, S in mm: {', '.join(_level_runs(found))}" for kind, found in kinds.items() if found]
    return [*lines, ""] if lines else []


def _component_table(components: Sequence[Mapping[str, Any]]) -> list[str]:
    measured = any(entry["confidence"] is not None for entry in components)
    sure = ["confidence"] if measured else []
    rows = [
        ("region", *sure, "mL", "longest mm", "side", "center R, A, S mm", "S from .. to mm", "mean", "peak"),
    ]
    for entry in (components[index] for index in by_confidence(components)):
        low, high = entry["extent_s_ras_mm"]
        rows.append(
            (
                str(entry["number"]),
                *([f"{entry['confidence'] or 0:.2f}"] if measured else []),
                f"{entry['volume_ml']:.2f}",
                f"{entry['longest_diameter_mm']:.1f}",
                entry["side"] or "unknown",
                ", ".join(f"{value:.1f}" for value in entry["centroid_ras_mm"]),
                f"{low:.1f} .. {high:.1f}",
                f"{entry['mean_score']:.2f}",
                f"{entry['peak_score']:.2f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _level_runs(slices: Sequence[Mapping[str, Any]]) -> list[str]:
    """The levels of the slices, neighbors drawn together."""
    runs: list[list[Mapping[str, Any]]] = []
    for entry in slices:
        if runs and entry["index"] == runs[-1][-1]["index"] + 1:
            runs[-1].append(entry)
        else:
            runs.append([entry])
    ends = [(f"{run[0]['level_ras_s_mm']:.1f}", f"{run[-1]['level_ras_s_mm']:.1f}") for run in runs]
    return [low if low == high else f"{low} to {high}" for low, high in ends]
