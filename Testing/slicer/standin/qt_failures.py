"""What went wrong inside slots and timers, where an exception has no caller that could see it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any


class Failures:
    """Collects exceptions that Qt would only print; a fixture fails the test that caused them."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._previous_hook = sys.excepthook

    def add(self, error: BaseException) -> None:
        """Keep the traceback of an exception."""
        self._texts.append("".join(traceback.format_exception(error)))

    def take(self) -> list[str]:
        """The tracebacks since the last call."""
        texts, self._texts = self._texts, []
        return texts

    def install_hook(self) -> None:
        """Also collect what reaches `sys.excepthook`, as exceptions in Qt's virtual functions do."""
        self._previous_hook = sys.excepthook
        sys.excepthook = self._hook

    def remove_hook(self) -> None:
        """Undo `install_hook`."""
        sys.excepthook = self._previous_hook

    def _hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._texts.append("".join(traceback.format_exception(kind, error, trace)))


FAILURES = Failures()


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as PythonQt calls a slot: with as many arguments as it takes, its exceptions not passed on."""
    wanted = _positional_arguments(function)

    def call(*arguments: Any) -> Any:
        try:
            return function(*(arguments if wanted is None else arguments[:wanted]))
        except Exception as error:  # noqa: BLE001 - kept for the fixture, as Qt has nobody to tell
            FAILURES.add(error)
            return None

    return call


def _positional_arguments(function: Callable[..., Any]) -> int | None:
    """How many arguments PythonQt passes (PythonQtSignalReceiver.cpp); None for all of the signal's."""
    bound = hasattr(function, "__func__")
    code = getattr(function.__func__ if bound else function, "__code__", None)
    if code is None or code.co_flags & 0x04:
        return None
    return int(code.co_argcount) - bound
