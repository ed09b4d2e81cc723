"""The findings as tables: one row per component, one row per slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..methods.facts import fact_columns
from ..methods.registry import find_method
from ..results.findings_text import by_confidence

Column = tuple[str, str, Sequence[Any]]
"""Title, kind ("int", "float" or "text") and values; None is an empty cell, or not a number."""


def component_columns(components: Sequence[Mapping[str, Any]], accepted: Sequence[bool]) -> list[Column]:
    """Of the components of a findings document, the surest first; `accepted`: the review of each."""
    order = by_confidence(components)
    components, accepted = [components[index] for index in order], [accepted[index] for index in order]
    probabilities = [entry["probability"] for entry in components]
    probable: list[Column] = [("Probability", "float", probabilities)]
    if all(each is None for each in probabilities):
        probable = []  # of a method that yields none
    confidences = [entry["confidence"] for entry in components]
    sure: list[Column] = [("Confidence", "float", confidences)]
    if all(each is None for each in confidences):
        sure = []  # nobody measured it
    return [
        ("Finding", "int", [entry["number"] for entry in components]),
        *sure,
        ("Level S [mm]", "float", [entry["centroid_ras_mm"][2] for entry in components]),
        ("Side", "text", [entry["side"] or "unknown" for entry in components]),
        ("Place", "text", [entry["place"] for entry in components]),
        ("Volume [mL]", "float", [entry["volume_ml"] for entry in components]),
        ("Longest diameter [mm]", "float", [entry["longest_diameter_mm"] for entry in components]),
        ("Mean score", "float", [entry["mean_score"] for entry in components]),
        ("Peak score", "float", [entry["peak_score"] for entry in components]),
        *probable,
        ("Accepted", "text", ["yes" if each else "no" for each in accepted]),
    ]


def slice_columns(findings: Mapping[str, Any]) -> list[Column]:
    """Of the slices of a findings document, inferior to superior, numbered from 1, with its method's own numbers."""
    slices, method = findings["slices"], find_method(findings["method"]["name"])
    rule = method.decision_rule(findings["parameters"])
    # A method without a decision of its own takes a slice for unhealthy where something in it is marked.
    by, limit = ("mask", None) if rule is None else (rule.by, rule.threshold)
    decided = [by if entry["decision"] else "" for entry in slices]
    limits = [limit if entry["decision"] else None for entry in slices]
    own: list[Column] = [
        (column.title, "float", [entry["method"].get(column.name) for entry in slices])
        for column in fact_columns(method.slice_facts_type)
    ]
    return [
        ("Slice", "int", [slice_number(entry["index"]) for entry in slices]),
        ("Level S [mm]", "float", [entry["level_ras_s_mm"] for entry in slices]),
        ("Decision", "text", [slice_decision(entry) for entry in slices]),
        ("Decided by", "text", decided),
        ("Decision threshold", "float", limits),
        *own,
        ("Area [mm2]", "float", [entry["area_mm2"] if entry["examined"] else None for entry in slices]),
    ]


def slice_number(index: int) -> int:
    """What people call slice `index` of the stack."""
    return index + 1


def slice_decision(entry: Mapping[str, Any]) -> str:
    """What is known about a slice: healthy, unhealthy, no decision, or why it was not examined."""
    if not entry["examined"]:
        return f"not examined: {entry['not_examined_reason']}"
    return entry["decision"] or "no decision"


def review_order(components: Sequence[Mapping[str, Any]]) -> list[int]:
    """Indices of the components of a findings document, the most confident first; equals, and those without a
    confidence, behind them, the largest first."""

    def rank(index: int) -> tuple[float, float]:
        entry = components[index]
        confidence = entry["confidence"]
        return (-1.0 if confidence is None else confidence, entry["volume_ml"])

    return sorted(range(len(components)), key=rank, reverse=True)


def place_of_component(entry: Mapping[str, Any], level_s_mm: float) -> str:
    """In words, for people; where the findings have none, the side and the level `level_s_mm` at which it lies now."""
    return entry["place"] or ", ".join(part for part in (entry["side"], f"S {level_s_mm:+.0f} mm") if part)
