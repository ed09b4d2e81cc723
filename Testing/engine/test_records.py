"""The one check of what is kept as JSON: what fits a dataclass, and what is said where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jsonschema
import pytest

from anofpdm.core.errors import ModelError
from anofpdm.core.json_schema import json_schema
from anofpdm.core.records import Misfit, fitted, record_from_dict


@dataclass(frozen=True)
class Part:
    size: int = 3


@dataclass(frozen=True)
class Whole:
    name: str
    kind: Literal["a", "b"] | None
    level: float
    point: tuple[float, float]
    pairs: tuple[tuple[str, int], ...]
    parts: Mapping[str, Part | None]
    on: bool = False
    part: Part = field(default_factory=Part)
    free: Any = None


SOUND: dict[str, Any] = {
    "name": "x",
    "kind": None,
    "level": 2,
    "point": [1, 2.5],
    "pairs": [["a", 1], ["b", 2]],
    "parts": {"first": {"size": 4}, "second": None},
}


def test_what_fits_becomes_the_record() -> None:
    found = fitted(Whole, SOUND)
    assert found == Whole("x", None, 2.0, (1.0, 2.5), (("a", 1), ("b", 2)), {"first": Part(4), "second": None})
    assert isinstance(found.level, float)


@pytest.mark.parametrize(
    ("entry", "value", "words"),
    [
        ("name", 3, "name must be of type str, not 3"),
        ("kind", "c", "kind must be one of a, b, not 'c'"),
        ("kind", ["a"], "kind must be one of a, b"),
        ("level", True, "level must be of type float, not True"),
        ("level", float("nan"), "level must be a finite number"),
        ("level", None, "level must be of type float"),
        ("point", [1.0], "point must have 2 entries, not 1"),
        ("point", [1.0, "2"], r"point\[1\] must be of type float"),
        ("point", {}, "point must be a list"),
        ("pairs", [["a", 1.5]], r"pairs\[0\]\[1\] must be of type int"),
        ("parts", [], "parts must be an object"),
        ("parts", {"first": {"size": "4"}}, r"parts\.first\.size must be of type int"),
        ("parts", {"first": {"more": 1}}, r"parts\.first has an unknown entry 'more'"),
        ("on", 1, "on must be of type bool"),
        ("more", 1, "the document has an unknown entry 'more'"),
    ],
)
def test_what_does_not_is_named(entry: str, value: Any, words: str) -> None:
    with pytest.raises(Misfit, match=words):
        fitted(Whole, {**SOUND, entry: value})
    with pytest.raises(ModelError, match=r"\.$"):
        record_from_dict(Whole, {**SOUND, entry: value}, "it")
    whole = {**SOUND, "on": False, "part": {"size": 1}, "free": [1], entry: value}
    assert value != value or not _validator().is_valid(whole)


def test_a_missing_entry_is_the_default_only_where_that_may_be() -> None:
    with pytest.raises(Misfit, match="it lacks the entry 'level'"):
        fitted(Whole, {name: value for name, value in SOUND.items() if name != "level"})
    with pytest.raises(Misfit, match="it lacks the entry 'on'"):
        fitted(Whole, SOUND, complete=True)
    whole = {**SOUND, "on": True, "part": {}, "free": {"any": 1}}
    with pytest.raises(Misfit, match="part is incomplete: it lacks the entry 'size'"):
        fitted(Whole, whole, complete=True)
    assert not _validator().is_valid(whole)
    whole["part"] = {"size": 1}
    assert fitted(Whole, whole, complete=True).free == {"any": 1}
    _validator().validate(whole)


def _validator() -> Any:
    """Of the JSON Schema of the same dataclass."""
    definitions: dict[str, Any] = {}
    schema = json_schema(Whole, definitions)
    return jsonschema.Draft202012Validator({**schema, "$defs": definitions})
