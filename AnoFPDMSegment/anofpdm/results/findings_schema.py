"""The JSON Schema of `findings.json`, written from its records.

python -m anofpdm.results.findings_schema Resources/findings-schema.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..core.json_schema import DIALECT, json_schema
from ..methods.facts import NoFacts
from ..methods.registry import methods
from .findings_record import VERSION, Findings

_ENGINE = "anofpdm."


def findings_schema() -> dict[str, Any]:
    """Of the core, and of what the engine's own methods add to it."""
    definitions: dict[str, Any] = {}
    core = json_schema(Findings, definitions)
    own = [
        _of_method(name, method.slice_facts_type, method.volume_facts_type)
        for name, method in sorted(methods().items())
        if type(method).__module__.startswith(_ENGINE) and method.slice_facts_type is not NoFacts
    ]
    return {
        "$schema": DIALECT,
        "title": f"Findings of AnoFPDM, version {VERSION}",
        "description": "What every field means stands in findings-schema.md.",
        **core,
        "allOf": own,
        "$defs": definitions,
    }


def _of_method(name: str, slice_facts: type[Any], volume_facts: type[Any]) -> dict[str, Any]:
    """What holds of a document of this method."""
    definitions: dict[str, Any] = {}
    of_slice, of_volume = (
        _inlined(json_schema(kind, definitions), definitions) for kind in (slice_facts, volume_facts)
    )
    examined = {
        "if": {"properties": {"examined": {"const": True}}},
        "then": {"properties": {"method": of_slice}},
        "else": {"properties": {"method": {"maxProperties": 0}}},
    }
    return {
        "if": {"properties": {"method": {"properties": {"name": {"const": name}}}}},
        "then": {"properties": {"slices": {"items": examined}, "method": {"properties": {"facts": of_volume}}}},
    }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Without references: two methods may have records of the same name."""
    if isinstance(schema, list):
        return [_inlined(entry, definitions) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(entry, definitions) for name, entry in schema.items()}


def schema_text() -> str:
    """As the file holds it."""
    return json.dumps(findings_schema(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
