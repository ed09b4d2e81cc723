"""Which of several functions of one name PythonQt calls, and what becomes of numbers given for enumerators.

PythonQt goes through the functions twice: first it takes none but exact types, then it converts, and it calls the
first that fits (src/PythonQtSlot.cpp, PythonQtSlotFunction_CallImpl; src/PythonQtConversion.cpp). An int is no exact
fit for an enumeration or for flags, and a converted one fits every enumeration.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets
from qt_constructors import CONSTRUCTORS, FLAGS, in_order
from qt_enums import from_number, number_class
from shibokensupport.signature import get_signature

_PLAIN = {"int": int, "uint": int, "str": str}
_SIGNATURES: dict[tuple[Any, str], list[list[Any]]] = {}
_CONVERTED = {
    QtGui.QBrush: (QtGui.QColor, QtCore.Qt.GlobalColor),
    QtGui.QColor: (QtCore.Qt.GlobalColor,),
    QtGui.QCursor: (QtCore.Qt.CursorShape,),
}
"""What is converted to a class (handlePythonToQtAutoConversion)."""


class NoOverload(TypeError):
    """PythonQt would find nothing to call, or the stand-in does not know what."""


def construct(cls: type, arguments: Sequence[Any]) -> Any:
    """An object of a class of Qt."""
    listed = CONSTRUCTORS.get(cls.__name__)
    if listed is None:
        raise NoOverload(f"The constructors of {cls.__name__} are not listed in qt_constructors.py.")
    tried = in_order(listed, len(arguments))
    kinds = [[_kind(name) for name in parameters] for parameters in tried]
    for exact in (True, False):
        for wanted in kinds:
            if all(_fits(value, kind, exact) for value, kind in zip(arguments, wanted, strict=True)):
                return cls(*[_converted(value, kind) for value, kind in zip(arguments, wanted, strict=True)])
    raise NoOverload(f"No constructor of {cls.__name__} fits {arguments!r}.")


def call(function: Callable[..., Any], name: str, arguments: Sequence[Any]) -> Any:
    """What a function of Qt returns; of the stand-ins' own functions the arguments are passed as they are."""
    if isinstance(function, types.MethodType | types.FunctionType) or not any(_is_number(a) for a in arguments):
        return function(*arguments)
    fitting = [kinds for kinds in _parameters(function, name) if len(kinds) == len(arguments)]
    for exact in (True, False):
        found = [w for w in fitting if all(_fits(a, kind, exact) for a, kind in zip(arguments, w, strict=True))]
        if not exact and len(found) > 1:
            raise NoOverload(
                f"Several functions {name} take {arguments!r} after conversion, and PythonQt calls the first: "
                "give exact types."
            )
        if found:
            return function(*[_converted(value, kind) for value, kind in zip(arguments, found[0], strict=True)])
    raise NoOverload(f"No function {name} fits {arguments!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _kind(name: str) -> Any:
    """The type of a name in the list of constructors."""
    if name in _PLAIN:
        return _PLAIN[name]
    first, *rest = FLAGS.get(name, name).split(".")
    found = next(getattr(module, first) for module in (QtCore, QtGui, QtWidgets) if hasattr(module, first))
    for part in rest:
        found = getattr(found, part)
    return found if name not in FLAGS else _Flags(found)


class _Flags:
    """Flags of an enumeration; none of its enumerators is an exact fit."""

    def __init__(self, of: type[enum.Enum]) -> None:
        self.of = of


def _fits(value: Any, kind: Any, exact: bool) -> bool:
    if kind is Any or kind is object:
        return True
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return any(_fits(value, each, exact) for each in typing.get_args(kind))
    if isinstance(kind, _Flags):
        return not exact and _is_number(value)
    if typing.get_origin(kind) is Callable:
        return callable(value)
    if not isinstance(kind, type):
        return isinstance(value, typing.get_origin(kind) or ())
    if issubclass(kind, enum.Enum):
        return type(value) is number_class(kind) if exact else _is_number(value)
    if kind in (int, float, str, bool):
        return type(value) is kind if exact else _converts(value, kind)
    if kind is type(None) or (value is None and issubclass(kind, QtCore.QObject)):
        return value is None
    if isinstance(value, kind):
        return True
    return not exact and any(_fits(value, other, True) for other in _CONVERTED.get(kind, ()))


def _converts(value: Any, kind: type) -> bool:
    """Less than PythonQt does, which makes a text of anything."""
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, int | float)


def _converted(value: Any, kind: Any) -> Any:
    """PySide takes a number for no enumerator."""
    if not _is_number(value):
        return value
    if isinstance(kind, _Flags):
        return from_number(kind.of, value)
    options = typing.get_args(kind) if not isinstance(kind, type) else (kind,)
    for option in options:
        enumeration = isinstance(option, type) and issubclass(option, enum.Enum)
        if enumeration and (len(options) == 1 or type(value) is number_class(option)):
            return from_number(option, value)
    for option in options:
        for other in _CONVERTED.get(option, ()):
            if issubclass(other, enum.Enum) and type(value) is number_class(other):
                return option(from_number(other, value))
    return int(value)


def _parameters(function: Any, name: str) -> list[list[Any]]:
    """The types of the parameters of every function of this name, with and without those that have a default."""
    key = (type(function.__self__), name) if function.__self__ is not None else (function, name)
    if key not in _SIGNATURES:
        signatures = get_signature(function if function.__self__ is None else getattr(key[0], function.__name__))
        if signatures is None:
            raise NoOverload(f"Nothing is known of the parameters of {name}.")
        found: list[list[Any]] = []
        for signature in signatures if isinstance(signatures, list) else [signatures]:
            parameters = [p for p in signature.parameters.values() if p.name != "self" and p.kind != p.KEYWORD_ONLY]
            kinds = [p.annotation for p in parameters]
            fewest = sum(p.default is p.empty for p in parameters)
            found += [kinds[:count] for count in range(fewest, len(kinds) + 1)]
        _SIGNATURES[key] = found
    return _SIGNATURES[key]
