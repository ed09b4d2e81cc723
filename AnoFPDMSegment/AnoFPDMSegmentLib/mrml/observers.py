"""Observers of VTK objects from Python that neither crash Slicer nor stay behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Observers:
    """Holds every object that it observes, and ends its observers when it is itself let go.

    VTK shows the observers of an object to Python's garbage collector. Where no live reference holds the object on
    Python's side, a full collection clears an observer's function while VTK goes on calling it, which crashes the
    application. Whoever observes something keeps one of these.
    """

    def __init__(self) -> None:
        self._added: list[tuple[Any, int]] = []

    @property
    def targets(self) -> list[Any]:
        """What is observed, each once, in the order in which it was added."""
        return list(dict.fromkeys(target for target, _tag in self._added))

    def add(self, target: Any, event: int | str, action: Callable[[], object]) -> None:
        """Call `action` at every event of a VTK object."""
        self._added.append((target, target.AddObserver(event, lambda *unused: action())))

    def clear(self) -> None:
        """End all of them."""
        added, self._added = self._added, []
        for target, tag in added:
            target.RemoveObserver(tag)

    def __del__(self) -> None:
        # The collector finalizes everything that it found before it clears anything.
        self.clear()
