"""Records: dataclasses that are kept as JSON and read back strictly. Torch-free."""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Mapping
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


class Misfit(ValueError):
    """Values that are no record of their kind: where, and why."""


def record_from_dict(kind: type[Record], values: Any, where: str) -> Record:
    """Build the dataclass `kind` from JSON values, strictly.

    `where` names the place in messages. Raises ModelError on unknown keys, missing keys or
    values of another type.
    """
    try:
        return fitted(kind, values, where)
    except Misfit as error:
        raise ModelError(f"{error}.") from error


def fitted(kind: type[Record], values: Any, where: str = "", *, complete: bool = False) -> Record:
    """The dataclass `kind` of JSON values; the one check of everything that is kept as JSON.

    Fields are of plain types, Literal, optional, tuples of one type (`tuple[T, ...]`, or as many as are named), Mapping
    by text, and such dataclasses. `complete`: fields that have a default must be there as well. Raises Misfit, and what
    the dataclass raises itself.
    """
    place = where or "the document"
    if not isinstance(values, Mapping):
        raise Misfit(f"{place} must be an object, not {type(values).__name__}")
    fields = record_fields(kind)
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise Misfit(f"{place} has an unknown entry '{unknown[0][:LONGEST_SHOWN]}'; was it written by a newer version?")
    lacking = [name for name, (_, needed) in fields.items() if (needed or complete) and name not in values]
    if lacking:
        raise Misfit(f"{place} is incomplete: it lacks the entry '{lacking[0]}'")
    return kind(
        **{
            name: _fitted_value(fields[name][0], value, f"{where}.{name}" if where else name, complete)
            for name, value in values.items()
        }
    )


def record_fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Type of each field of a dataclass, and whether it has no default."""
    return _record_fields(kind)


@functools.cache
def _record_fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(kind)
        if field.init
    }


def optional_of(hint: Any) -> Any:
    """T of `T | None`; None of any other type."""
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return None
    (inner,) = (choice for choice in typing.get_args(hint) if choice is not type(None))
    return inner


def _fitted_value(hint: Any, value: Any, where: str, complete: bool) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return fitted(typing.cast(type[Any], hint), value, where, complete=complete)
    if origin is Literal:
        if value not in typing.get_args(hint) or isinstance(value, bool):
            choices = ", ".join(str(choice) for choice in typing.get_args(hint))
            raise Misfit(f"{where} must be one of {choices}, not {shown(value)}")
        return value
    inner = optional_of(hint)
    if inner is not None:
        return None if value is None else _fitted_value(inner, value, where, complete)
    if origin is tuple:
        return _fitted_list(typing.get_args(hint), value, where, complete)
    if origin is collections.abc.Mapping:
        if not isinstance(value, Mapping):
            raise Misfit(f"{where} must be an object, not {shown(value)}")
        item = typing.get_args(hint)[1]
        return {
            str(key): _fitted_value(item, entry, f"{where}.{str(key)[:LONGEST_SHOWN]}", complete)
            for key, entry in value.items()
        }
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise Misfit(f"{where} must be a finite number, not {shown(value)}")
        return float(value)
    if hint is Any or (isinstance(value, hint) and (hint is bool or not isinstance(value, bool))):
        return value
    raise Misfit(f"{where} must be of type {hint.__name__}, not {shown(value)}")


def _fitted_list(items: tuple[Any, ...], value: Any, where: str, complete: bool) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise Misfit(f"{where} must be a list, not {shown(value)}")
    if items[-1] is Ellipsis:
        items = items[:1] * len(value)
    if len(value) != len(items):
        raise Misfit(f"{where} must have {len(items)} entries, not {len(value)}")
    pairs = zip(items, value, strict=True)
    return tuple(_fitted_value(item, entry, f"{where}[{i}]", complete) for i, (item, entry) in enumerate(pairs))


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
