"""Enumerators and flags as PythonQt hands them out: numbers.

An enumerator is an instance of a class of its own that derives from int and has nothing but its number (PythonQt
src/PythonQt.cpp, createNewPythonQtEnumWrapper), so what `|` makes of two of them is a plain int.
"""

from __future__ import annotations

import enum
from typing import Any

_CLASSES: dict[type[enum.Enum], type[int]] = {}


def number_class(kind: type[enum.Enum]) -> type[int]:
    """The class that the enumerators of one of PySide's enumerations have in Python."""
    if kind not in _CLASSES:
        _CLASSES[kind] = type(kind.__name__, (int,), {"__doc__": f"Numbers of {kind.__qualname__}."})
    return _CLASSES[kind]


def to_number(value: enum.Enum) -> int:
    """What Python sees of an enumerator; of a combination of flags a plain int."""
    if isinstance(value, enum.Flag) and value not in type(value).__members__.values():
        return int(value.value)
    return number_class(type(value))(value.value)


def from_number(kind: type[enum.Enum], number: int) -> Any:
    """What PySide takes for it."""
    return kind(int(number))
