"""The shape of `findings.json`, version 1, and a strict check against it.

A shape is a type or a tuple of types; a list of one shape (a JSON list of any length); a dict of
shapes (a JSON object with exactly these keys); or `EachValue` (an object with free keys).
The meaning of every field stands in Resources/findings-schema.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeAlias

from ..core.errors import EvidenceError

SCHEMA = "anofpdm-findings"
VERSION = 1


@dataclass(frozen=True)
class EachValue:
    """An object whose keys are free and whose values all have one shape."""

    shape: Shape


Shape: TypeAlias = "type | tuple[Any, ...] | list[Any] | dict[str, Any] | EachValue"

_SHOWN = 100
"""Characters of what a message quotes from a document."""
_NUMBER = (int, float)
_NUMBER_OR_NULL = (int, float, NoneType)
_TEXT_OR_NULL = (str, NoneType)

SLICE: dict[str, Shape] = {
    "index": int,
    "level_ras_s_mm": _NUMBER,
    "relative_level": _NUMBER_OR_NULL,
    "examined": bool,
    "not_examined_reason": str,
    "similarity": _NUMBER_OR_NULL,
    "map_statistic": _NUMBER_OR_NULL,
    "decision": _TEXT_OR_NULL,
    "largest_divergence": EachValue(_NUMBER_OR_NULL),
    "end_step": EachValue({"step": int, "noise_level": int}),
    "quantile": EachValue(_NUMBER_OR_NULL),
    "threshold": _NUMBER_OR_NULL,
    "area_mm2": _NUMBER,
}

COMPONENT: dict[str, Shape] = {
    "number": int,
    "volume_ml": _NUMBER,
    "longest_diameter_mm": _NUMBER,
    "side": _TEXT_OR_NULL,
    "centroid_ras_mm": [_NUMBER],
    "extent_s_ras_mm": [_NUMBER],
    "slice_range": [int],
    "mean_score": _NUMBER,
    "peak_score": _NUMBER,
    "peak_ras_mm": [_NUMBER],
}

TOTALS: dict[str, Shape] = {
    "slices": int,
    "slices_examined": int,
    "slices_not_examined": int,
    "slices_unhealthy": int,
    "slices_healthy": int,
    "components": int,
    "volume_ml": _NUMBER,
}

MODEL: dict[str, Shape] = {
    "name": str,
    "version": str,
    "title": str,
    "licence": str,
    "weights_sha256": str,
    "calibration": _TEXT_OR_NULL,
}

DOCUMENT: dict[str, Shape] = {
    "schema": str,
    "version": int,
    "statement": str,
    "created": str,
    "summary": str,
    "input": {"files": EachValue(str), "skull_stripped": (bool, NoneType), "midline_ras_r_mm": _NUMBER},
    "geometry": {"size_ijk": [int], "spacing_mm": [_NUMBER], "origin_ras_mm": [_NUMBER], "axes_ras": [[_NUMBER]]},
    "slices": [SLICE],
    "components": [COMPONENT],
    "totals": TOTALS,
    "model": MODEL,
    "parameters": dict,
    "warnings": [str],
    "software": EachValue(str),
    "seed": (int, NoneType),
    "device": str,
    "run_time_s": _NUMBER,
}


def check_document(values: Any, source: str) -> dict[str, Any]:
    """Return `values` if it is a findings document of this version; else raise EvidenceError.

    Checks schema and version, every field's presence and type, and that the totals fit the lists.
    `source` names the document in messages.
    """
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise EvidenceError(f"{source} is not a findings file of AnoFPDM; choose the findings.json of a result.")
    version = values.get("version")
    if version != VERSION or isinstance(version, bool):
        raise EvidenceError(
            f"{source} has version {repr(version)[:_SHOWN]} and this program reads version {VERSION}; use the program "
            "that wrote it."
        )
    problem = _mismatch(values, DOCUMENT, "") or _inconsistency(values)
    if problem:
        raise EvidenceError(f"{source} is damaged ({problem}); run the detection again.")
    return values


def slice_totals(slices: list[dict[str, Any]]) -> dict[str, int]:
    """The slice counts of `totals`."""
    examined = sum(1 for entry in slices if entry["examined"])
    return {
        "slices": len(slices),
        "slices_examined": examined,
        "slices_not_examined": len(slices) - examined,
        "slices_unhealthy": sum(1 for entry in slices if entry["decision"] == "unhealthy"),
        "slices_healthy": sum(1 for entry in slices if entry["decision"] == "healthy"),
    }


def _mismatch(value: Any, shape: Shape, where: str) -> str | None:
    """What is wrong with `value` at `where`, or None."""
    place = where or "the document"
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            return f"{place} is not an object"
        odd = sorted(set(shape) ^ set(value))
        if odd:
            return f"{place} {'lacks' if odd[0] in shape else 'has an unknown'} entry '{odd[0][:_SHOWN]}'"
        return _first(_mismatch(value[key], part, f"{where}.{key}".lstrip(".")) for key, part in shape.items())
    if isinstance(shape, EachValue):
        if not isinstance(value, Mapping):
            return f"{place} is not an object"
        return _first(_mismatch(part, shape.shape, f"{where}.{key[:_SHOWN]}") for key, part in value.items())
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{place} is not a list"
        return _first(_mismatch(part, shape[0], f"{where}[{i}]") for i, part in enumerate(value))
    accepted = shape if isinstance(shape, tuple) else (shape,)
    # bool is an int to isinstance, but true is no number.
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        return f"{place} has the wrong type"
    return None


def _inconsistency(document: dict[str, Any]) -> str | None:
    totals = document["totals"]
    counts: dict[str, Any] = slice_totals(document["slices"]) | {"components": len(document["components"])}
    wrong = next((key for key, count in counts.items() if totals[key] != count), None)
    if wrong:
        return f"totals.{wrong} does not fit the lists"
    for entry in document["slices"]:
        decided = entry["decision"] is not None
        if (decided and not entry["examined"]) or entry["examined"] == bool(entry["not_examined_reason"]):
            return f"slice {entry['index']} is both examined and not examined"
        if entry["decision"] not in (None, "healthy", "unhealthy"):
            return f"slice {entry['index']} has an unknown decision"
    for entry in document["components"]:
        if entry["side"] not in ("left", "right", "midline", None):
            return f"component {entry['number']} has an unknown side"
        if [len(entry[key]) for key in ("centroid_ras_mm", "extent_s_ras_mm", "peak_ras_mm")] != [3, 2, 3]:
            return f"component {entry['number']} has a point of the wrong length"
        ends = entry["slice_range"]
        if len(ends) != 2 or not 0 <= ends[0] <= ends[1] < totals["slices"]:
            return f"component {entry['number']} has no range of the slices"
    geometry = document["geometry"]
    rows = [geometry["size_ijk"], geometry["spacing_mm"], geometry["origin_ras_mm"], geometry["axes_ras"]]
    if any(len(row) != 3 for row in (*rows, *geometry["axes_ras"])):
        return "geometry has a list of the wrong length"
    return None


def _first(problems: Any) -> str | None:
    return next((problem for problem in problems if problem), None)
