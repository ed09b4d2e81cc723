"""Connecting signals as PythonQt does: `widget.clicked.connect(f)` or `widget.connect("clicked(bool)", f)`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore
from qt_failures import guarded

_CONNECTIONS = "_standin_connections"
_KNOWN: dict[tuple[type, str, str], list[str]] = {}


def has_signal(target: QtCore.QObject, name: str) -> bool:
    """Whether the object has a signal of this name."""
    return bool(_signatures(target, name))


def connect(target: QtCore.QObject, signature: str, function: Callable[..., Any]) -> bool:
    """Connect by the signature written as in C++. Raises where PythonQt would return False and print a warning."""
    normalised = _normalised(target, signature)
    receiver = _Receiver(function)
    if not QtCore.QObject.connect(target, QtCore.SIGNAL(normalised), receiver.call):
        raise AttributeError(f"'{signature}' of {target.metaObject().className()} could not be connected.")
    _connections(target).append((normalised, function, receiver))
    return True


def disconnect(target: QtCore.QObject, signature: str, function: Callable[..., Any]) -> bool:
    """Undo a connection; False where there was none."""
    normalised = _normalised(target, signature)
    for entry in _connections(target):
        if entry[0] == normalised and entry[1] == function:
            entry[2].active = False
            _connections(target).remove(entry)
            return True
    return False


class SignalProxy:
    """A signal as an attribute; of several signatures PythonQt takes the first."""

    def __init__(self, target: QtCore.QObject, name: str) -> None:
        self._target = target
        self._signature = _signatures(target, name)[0]

    def connect(self, function: Callable[..., Any]) -> bool:
        """Call `function` at every emission."""
        return connect(self._target, self._signature, function)

    def disconnect(self, function: Callable[..., Any]) -> bool:
        """No longer call it."""
        return disconnect(self._target, self._signature, function)


class _Receiver:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.active = True
        self._function = guarded(function)

    def call(self, *arguments: Any) -> None:
        from qt_proxy import wrap

        if self.active:
            self._function(*[wrap(argument) for argument in arguments])


def _connections(target: QtCore.QObject) -> list[tuple[str, Callable[..., Any], _Receiver]]:
    if not hasattr(target, _CONNECTIONS):
        setattr(target, _CONNECTIONS, [])
    found: list[tuple[str, Callable[..., Any], _Receiver]] = getattr(target, _CONNECTIONS)
    return found


def _signatures(target: QtCore.QObject, name: str) -> list[str]:
    key = (type(target), target.metaObject().className(), name)
    if key not in _KNOWN:
        _KNOWN[key] = _find_signatures(target.metaObject(), name)
    return _KNOWN[key]


def _find_signatures(meta: QtCore.QMetaObject, name: str) -> list[str]:
    methods = (meta.method(index) for index in range(meta.methodCount()))
    signal = QtCore.QMetaMethod.MethodType.Signal
    return [
        m.methodSignature().data().decode()
        for m in methods
        if m.methodType() == signal and m.name().data().decode() == name
    ]


def _normalised(target: QtCore.QObject, signature: str) -> str:
    # Nodes of MRML travel through PySide as Python objects.
    plain = re.sub(r"vtkMRML\w*\s*\*", "PyObject", signature)
    normalised = QtCore.QMetaObject.normalizedSignature(plain).data().decode()
    if target.metaObject().indexOfSignal(normalised) < 0:
        known = _signatures(target, signature.partition("(")[0])
        what = f"it has {', '.join(known)}" if known else "it has no signal of that name"
        raise AttributeError(f"{target.metaObject().className()} has no signal '{signature}': {what}.")
    return normalised
