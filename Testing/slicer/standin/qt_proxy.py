"""Qt objects with the habits of PythonQt, on top of PySide.

Properties are attributes, signals are connected by attribute or by signature, enumerators are numbers, overloaded
functions are chosen as PythonQt chooses, and whatever does not exist raises. Where PythonQt would accept more
(getters of properties, values of numpy), the stand-in is stricter: code that runs here keeps to what is sure to exist
in the application.
"""

from __future__ import annotations

import enum
import types
from typing import Any

from PySide6 import QtCore, QtWidgets
from qt_enums import number_class, to_number
from qt_failures import FAILURES, guarded
from qt_overloads import call, construct
from qt_signals import SignalProxy, connect, disconnect, has_signal

_PROXY = "_standin_proxy"
_CLASSES: dict[type, type] = {}


class _ProxyType(type):
    """Class attributes of a proxied class: enumerators and static functions."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        target = cls.__dict__.get("_target") or next(
            b.__dict__["_target"] for b in cls.__mro__ if "_target" in b.__dict__
        )
        try:
            found = getattr(target, name)
        except AttributeError:
            raise AttributeError(f"{cls.__name__} has no '{name}'.") from None
        if isinstance(found, enum.Enum):
            return to_number(found)
        if isinstance(found, type) and issubclass(found, enum.Enum):
            return number_class(found)
        if isinstance(found, int):
            return found
        if isinstance(found, types.BuiltinFunctionType | types.FunctionType):
            return _Method(found, name)
        raise AttributeError(f"{cls.__name__}.{name} is not a static function, nor an enumerator.")


class QtProxy(metaclass=_ProxyType):
    """One Qt object or value."""

    _target: type
    _qt: Any

    def __init__(self, *arguments: Any) -> None:
        object.__setattr__(self, "_qt", _made(type(self)._target, arguments))
        if isinstance(self._qt, QtCore.QObject):
            setattr(self._qt, _PROXY, self)

    def __init_subclass__(cls, **options: Any) -> None:
        if "_target" not in cls.__dict__:
            raise TypeError("Qt classes are not subclassed in this project: PythonQt's rules for it are its own.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        target = self._qt
        if isinstance(target, QtCore.QObject):
            return _object_attribute(target, name)
        found = getattr(target, name, None)
        if found is None or not callable(found):
            raise AttributeError(f"{type(self).__name__} has no '{name}'.")
        return _Method(found, name)

    def __setattr__(self, name: str, value: Any) -> None:
        target = self._qt
        if not isinstance(target, QtCore.QObject):
            raise AttributeError(f"{type(self).__name__} is a value: '{name}' cannot be set as an attribute.")
        _set_property(target, "objectName" if name == "name" else name, unwrap(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QtProxy) and bool(self._qt == other._qt)

    def __hash__(self) -> int:
        return hash(self._qt)

    def __repr__(self) -> str:
        name = self._qt.objectName() if isinstance(self._qt, QtCore.QObject) else ""
        return f"{type(self).__name__}({name})"


class _Method:
    """A function of Qt; it takes and gives proxies."""

    def __init__(self, function: Any, name: str) -> None:
        self._function = function
        self._name = name

    def __call__(self, *arguments: Any) -> Any:
        return wrap(call(self._function, self._name, [_argument(argument) for argument in arguments]))

    def __repr__(self) -> str:
        return f"<function {self._name} of Qt>"


def proxy_class(target: type) -> type:
    """The proxy's class for a class of PySide; its bases mirror the original's."""
    if target not in _CLASSES:
        bases = tuple(proxy_class(base) for base in target.__bases__ if _is_qt_class(base)) or (QtProxy,)
        _CLASSES[target] = types.new_class(target.__name__, bases, exec_body=lambda body: body.update(_target=target))
    return _CLASSES[target]


def wrap(value: Any) -> Any:
    """The proxy of a Qt object or value, the same for the same object; the number of an enumerator or of flags."""
    if isinstance(value, enum.Enum):
        return to_number(value)
    if isinstance(value, QtCore.QObject):
        proxy = getattr(value, _PROXY, None)
        return proxy if proxy is not None else _adopt(value)
    if isinstance(value, list | tuple):
        return type(value)(wrap(item) for item in value)
    if _is_qt_class(type(value)):
        return _adopt(value)
    return value


def unwrap(value: Any) -> Any:
    """The Qt object behind a proxy."""
    if isinstance(value, QtProxy):
        return value._qt
    if isinstance(value, type) and issubclass(value, QtProxy):
        return value._target
    if isinstance(value, list | tuple):
        return type(value)(unwrap(item) for item in value)
    if type(value).__module__ == "numpy" and not isinstance(value, float):
        raise TypeError(f"PythonQt does not take a {type(value).__name__}; convert it to a plain number first.")
    return value


def _made(target: type, arguments: tuple[Any, ...]) -> Any:
    """The stand-ins' own classes take what they are given."""
    plain = [unwrap(argument) for argument in arguments]
    return construct(target, plain) if target.__module__.startswith("PySide6.") else target(*plain)


def _adopt(value: Any) -> Any:
    cls = proxy_class(type(value))
    proxy = cls.__new__(cls)
    object.__setattr__(proxy, "_qt", value)
    if isinstance(value, QtCore.QObject):
        setattr(value, _PROXY, proxy)
    return proxy


def _argument(value: Any) -> Any:
    if isinstance(value, _Method):
        return value._function
    if callable(value) and not isinstance(value, type | QtProxy):
        return guarded(value)
    return unwrap(value)


def _is_qt_class(cls: type) -> bool:
    return cls.__module__.startswith("PySide6.") or "_standin_methods" in cls.__dict__


def _object_attribute(target: QtCore.QObject, name: str) -> Any:
    meta = target.metaObject()
    if name == "className":
        return meta.className
    if name == "name":
        return target.objectName()
    if meta.indexOfProperty(name) >= 0:
        return wrap(target.property(name))
    if has_signal(target, name):
        return SignalProxy(target, name)
    if name == "connect":
        return lambda signature, function: connect(target, signature, function)
    if name == "disconnect":
        return lambda signature, function: disconnect(target, signature, function)
    return _object_method(target, name)


def _object_method(target: QtCore.QObject, name: str) -> Any:
    getter = name[2:3].lower() + name[3:] if name.startswith("is") else ""
    if getter and target.metaObject().indexOfProperty(getter) >= 0:
        raise AttributeError(f"Read the property '{getter}' of {type(target).__name__} instead of calling {name}().")
    if name in ("exec_", "exec") and isinstance(target, QtWidgets.QDialog):
        from qt_dialogs import DIALOGS

        return lambda: wrap(DIALOGS.run(wrap(target)))
    offered = _offered_by_stand_in(type(target))
    found = getattr(type(target), name, None)
    if found is None or not callable(found) or not (name in offered or _defined_by_qt(type(target), name)):
        raise AttributeError(f"{target.metaObject().className()} has no '{name}'.")
    return _Method(getattr(target, name), name)


def _offered_by_stand_in(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name in base.__dict__.get("_standin_methods", ())}


def _defined_by_qt(cls: type, name: str) -> bool:
    """Whether Qt itself has the function, so that helpers of the stand-ins stay out of reach."""
    return any(hasattr(base, name) for base in cls.__mro__ if base.__module__.startswith("PySide6."))


def _set_property(target: QtCore.QObject, name: str, value: Any) -> None:
    meta = target.metaObject()
    index = meta.indexOfProperty(name)
    if index < 0:
        raise AttributeError(f"{meta.className()} has no property '{name}', so it cannot be set.")
    if not meta.property(index).isWritable():
        raise AttributeError(f"The property '{name}' of {meta.className()} cannot be written.")
    setter = getattr(target, f"set{name[0].upper()}{name[1:]}", None)
    if setter is not None:
        call(setter, f"set{name[0].upper()}{name[1:]}", [value])
    elif not target.setProperty(name, value):
        raise TypeError(f"The property '{name}' of {meta.className()} does not take {value!r}.")


__all__ = ["FAILURES", "QtProxy", "proxy_class", "unwrap", "wrap"]
