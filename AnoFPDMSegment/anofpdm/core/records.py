"""Records: dataclasses that are kept as JSON and read back strictly. Torch-free."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

from .errors import ModelError
from .json_text import read_json

LONGEST_SHOWN = 100


def require(condition: bool, message: str) -> None:
    """Raise ModelError, as of a model's configuration, unless the condition holds."""
    if not condition:
        raise ModelError(f"The model's configuration is wrong: {message}.")


Record = TypeVar("Record")


def record_from_dict(kind: type[Record], values: Any, where: str) -> Record:
    """Build the dataclass `kind` from JSON values, strictly.

    `where` names the place in messages. Raises ModelError on unknown keys, missing keys or
    values of another type.
    """
    if not isinstance(values, dict):
        raise ModelError(f"{where} must be an object, not {type(values).__name__}.")
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise ModelError(
            f"{where} has an unknown entry '{unknown[0][:LONGEST_SHOWN]}'; was it written by a newer version?"
        )
    arguments = {name: _value_from_json(hints[name], value, f"{where}.{name}") for name, value in values.items()}
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ModelError(f"{where} is incomplete: {error}.") from error


def _value_from_json(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return record_from_dict(typing.cast(type[Any], hint), value, where)
    if origin is Literal:
        if value not in typing.get_args(hint):
            choices = ", ".join(str(choice) for choice in typing.get_args(hint))
            raise ModelError(f"{where} must be one of {choices}, not {shown(value)}.")
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in typing.get_args(hint):
            return None
        (inner,) = (choice for choice in typing.get_args(hint) if choice is not type(None))
        return _value_from_json(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ModelError(f"{where} must be a list, not {shown(value)}.")
        (item, _) = typing.get_args(hint)
        return tuple(_value_from_json(item, entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ModelError(f"{where} must be a finite number, not {shown(value)}.")
        return float(value)
    if hint is Any or (isinstance(value, hint) and (hint is bool or not isinstance(value, bool))):
        return value
    raise ModelError(f"{where} must be of type {hint.__name__}, not {shown(value)}.")


def shown(value: Any) -> str:
    """The beginning of what may be a whole list."""
    return repr(value)[:LONGEST_SHOWN]


def record_to_dict(record: Any) -> dict[str, Any]:
    """The JSON object of a dataclass record; `record_from_dict` reads it back."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(record)))
    return plain


def load_json(path: Path, kind: str) -> dict[str, Any]:
    """Read a JSON object; raises ModelError with a sentence if it cannot be read."""
    try:
        values = read_json(path)
    except FileNotFoundError as error:
        raise ModelError(f"The {kind} {path} does not exist; is this a complete model folder?") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"The {kind} {path} cannot be read ({reason}); install the model again.") from error
    if not isinstance(values, dict):
        raise ModelError(f"The {kind} {path} does not hold a JSON object; install the model again.")
    return values
