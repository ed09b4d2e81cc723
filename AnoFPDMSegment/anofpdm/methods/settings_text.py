"""A result's settings in words, from the declarations of its method's options. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .knobs import Knob
    from .method import Method


@dataclass(frozen=True)
class InUse:
    """What the parameters of findings are."""

    values: Mapping[str, Any]
    """Of the method's options, by knob; None where one does not apply."""
    rest: Mapping[str, Any] = field(default_factory=dict)
    """What else they say, by name."""


def settings_line(method: Method, parameters: Mapping[str, Any]) -> str:
    """What of them most changes a result: the values of the knobs that are `told`, unless they need no word."""
    values = method.settings_in_use(parameters).values
    told = []
    for knob in method.knobs:
        value = values.get(knob.name)
        if not knob.told or value is None or value == knob.tacit:
            continue
        between = ": " if knob.entries else " "
        told.append(f"{_within(_title(knob))}{between}{_within(knob.shown(value))}")
    return ", ".join(told)


def settings_rows(method: Method, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """All of them by the titles of the knobs, then what else the parameters say."""
    in_use = method.settings_in_use(parameters)
    values = ((knob, in_use.values.get(knob.name)) for knob in method.knobs)
    rows: dict[str, Any] = {_title(knob): knob.shown(value) for knob, value in values if value is not None}
    return {**rows, **_flat(in_use.rest)}


def _title(knob: Knob) -> str:
    """Without the unit, which stands behind the value."""
    return knob.title or knob.name.replace("_", " ").capitalize()


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows |= _flat(value, f"{before}{name} ")
        else:
            rows[before + name] = value
    return rows


def _within(text: str) -> str:
    """Words as they stand within a sentence; what is more than a capital at the beginning stays."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
