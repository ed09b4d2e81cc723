"""The JSON Schema of a dataclass record, by the rules of `records.fitted`. Torch-free."""

from __future__ import annotations

import collections.abc
import dataclasses
import typing
from typing import Any, Literal

from .records import optional_of, record_fields

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}


def json_schema(kind: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of the dataclass `kind`, which is added to `definitions` by its name.

    Every entry is required, as in a document that is written whole, and no other is allowed.
    """
    if kind.__name__ not in definitions:
        fields = record_fields(kind)
        definitions[kind.__name__] = {}
        definitions[kind.__name__] |= {
            "type": "object",
            "properties": {name: _value_schema(hint, definitions) for name, (hint, _) in fields.items()},
            "required": list(fields),
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _value_schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, items = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return {}
    if dataclasses.is_dataclass(hint):
        return json_schema(typing.cast(type[Any], hint), definitions)
    if origin is Literal:
        return {"enum": list(items)}
    inner = optional_of(hint)
    if inner is not None:
        return {"anyOf": [_value_schema(inner, definitions), {"type": "null"}]}
    if origin is tuple:
        if items[-1] is Ellipsis:
            return {"type": "array", "items": _value_schema(items[0], definitions)}
        entries = [_value_schema(item, definitions) for item in items]
        return {"type": "array", "prefixItems": entries, "minItems": len(entries), "items": False}
    if origin is collections.abc.Mapping:
        return {"type": "object", "additionalProperties": _value_schema(items[1], definitions)}
    return {"type": _PLAIN[hint]}
