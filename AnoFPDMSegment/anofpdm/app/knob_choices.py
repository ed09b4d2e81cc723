"""What the user chose of methods' knobs for the next runs, as a text that a scene remembers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..methods.method import Method

Choices = dict[str, dict[str, str]]
"""By method and knob; texts as of the command line."""


def read_choices(text: str) -> Choices:
    """Of what a scene remembers; what cannot be understood is left out, as scenes come from anywhere."""
    from ..core.json_text import parse_json

    try:
        record = parse_json(text) if text else {}
    except ValueError:
        return {}
    if not isinstance(record, dict):
        return {}
    return {
        str(method): {str(name): value for name, value in chosen.items() if isinstance(value, str)}
        for method, chosen in record.items()
        if isinstance(chosen, dict)
    }


def write_choices(choices: Choices) -> str:
    """A text that `read_choices` takes back; empty where nothing is chosen."""
    kept = {method: chosen for method, chosen in choices.items() if chosen}
    return json.dumps(kept, sort_keys=True) if kept else ""


def with_choice(text: str, method: str, knob: str, value: str) -> str:
    """The text with another choice; an empty one is none."""
    choices = read_choices(text)
    of_method = choices.setdefault(method, {})
    if value:
        of_method[knob] = value
    else:
        of_method.pop(knob, None)
    return write_choices(choices)


def chosen_values(chosen: Mapping[str, str], method: Method) -> tuple[dict[str, Any], str]:
    """Values of the method's knobs that need a rerun, by name, and what is wrong with one of the texts, a sentence.

    A text of a knob that the method does not have, as from a scene of another version, is left out.
    """
    from ..core.errors import SettingsError

    values: dict[str, Any] = {}
    problem = ""
    for knob in method.knobs:
        if not knob.live and knob.name in chosen:
            try:
                values[knob.name] = knob.chosen(chosen[knob.name])
            except SettingsError as error:
                problem = problem or str(error)
    return values, problem
