"""Work counted instead of timed: which functions of a library a module calls, and on how many values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk


class Call(NamedTuple):
    """One call, with the number of values of the largest array or image among its positional arguments."""

    name: str
    size: int


class CallSizes:
    """Stands in for a library in a module's namespace and passes everything on to it."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self.calls: list[Call] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._library, name)
        # Classes stay what they are, for isinstance and annotations.
        return self._counted(name, found) if callable(found) and not isinstance(found, type) else found

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(Call(name, max(map(_size, arguments), default=0)))
            return function(*arguments, **options)

        return call


def _size(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.size
    return int(value.GetNumberOfPixels()) if isinstance(value, sitk.Image) else 0
