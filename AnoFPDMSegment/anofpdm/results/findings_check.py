"""The strict check of a findings document; one of version 1 becomes one of version 2."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..core.errors import EvidenceError
from ..core.records import fitted, shown
from ..methods.facts import NoFacts
from ..methods.method import Method
from ..methods.registry import FIRST_METHOD, methods
from .findings_record import SCHEMA, VERSION, ComponentFinding, Findings, SliceFinding
from .segmentation import SEGMENT_LABEL, SEGMENT_NAME, SEGMENTATION_FILE

FIRST_VERSION = 1
"""Of version 0.1 of the program, which knew one method."""
_WITHOUT_GATE: dict[str, Any] = {"gate_checks": [], "withheld": False}
"""What documents of version 2 from before there was a gate do not say."""


def check_document(values: Any, source: str) -> dict[str, Any]:
    """The document `values` in the present version; raises EvidenceError if it is none.

    Checks schema and version, every field's presence and type, what the method says of slices and volume (of a method
    that is not installed only that it is an object), and that the parts fit one another. `source` names the document
    in messages.
    """
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise EvidenceError(f"{source} is not a findings file of AnoFPDM; choose the findings.json of a result.")
    version = values.get("version")
    if isinstance(version, bool) or version not in (FIRST_VERSION, VERSION):
        raise EvidenceError(
            f"{source} has version {shown(version)} and this program reads versions {FIRST_VERSION} and {VERSION}; use "
            "the program that wrote it."
        )
    try:
        document = from_first_version(values) if version == FIRST_VERSION else {**_WITHOUT_GATE, **values}
        _check_facts(fitted(Findings, document, complete=True))
    except ValueError as error:
        raise EvidenceError(f"{source} is damaged ({error}); run the detection again.") from error
    return document


def _check_facts(findings: Findings) -> None:
    method = methods().get(findings.method.name)
    if method is not None:
        fitted(method.volume_facts_type, findings.method.facts, "method.facts", complete=True)
    for number, entry in enumerate(findings.slices):
        if not entry.examined:
            fitted(NoFacts, entry.method, f"slices[{number}].method")
        elif method is not None:
            fitted(method.slice_facts_type, entry.method, f"slices[{number}].method", complete=True)


def from_first_version(values: Mapping[str, Any]) -> dict[str, Any]:
    """The document in version 2; what is damaged in it stays so, for the check to find.

    What an entry of `slices` held beside the fields that every method has was AnoFPDM's own.
    """
    parameters, totals = values.get("parameters"), values.get("totals")
    settings = dict(parameters) if isinstance(parameters, Mapping) else {}
    name = settings.pop("method", FIRST_METHOD)
    method = methods().get(name) if isinstance(name, str) else None
    volume = totals.get("volume_ml") if isinstance(totals, Mapping) else None
    return {
        **values,
        "version": VERSION,
        **_WITHOUT_GATE,
        "gate": None,
        "identifiers": None,
        "segments": [
            {"name": SEGMENT_NAME, "file": SEGMENTATION_FILE, "label": SEGMENT_LABEL, "volume_ml": volume},
        ],
        "slices": _each(values.get("slices"), lambda entry: _slice_of_first(entry, method)),
        "components": _each(values.get("components"), _component_of_first),
        "method": {
            "name": name,
            "title": name if method is None else method.title,
            "facts": {} if method is None else dict.fromkeys(_names(method.volume_facts_type)),
        },
        "parameters": settings if isinstance(parameters, Mapping) else parameters,
    }


def _each(entries: Any, change: Any) -> Any:
    if not isinstance(entries, list):
        return entries
    return [change(entry) if isinstance(entry, Mapping) else entry for entry in entries]


def _slice_of_first(entry: Mapping[str, Any], method: Method | None) -> dict[str, Any]:
    core = _names(SliceFinding)
    own = {name: value for name, value in entry.items() if name not in core}
    if entry.get("examined") is False or (method is not None and method.name != FIRST_METHOD):
        # Where they say nothing they are left out: other methods, and slices not examined, have no such facts.
        own = {name: value for name, value in own.items() if value not in (None, {})}
    return {name: value for name, value in entry.items() if name in core} | {"method": own}


def _component_of_first(entry: Mapping[str, Any]) -> dict[str, Any]:
    added = {field.name: field.default for field in dataclasses.fields(ComponentFinding)}
    return {**{name: value for name, value in added.items() if value is not dataclasses.MISSING}, **entry}


def _names(kind: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]
