"""What one click detects in: the selected volumes, or one set of volumes after the other; no widgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slicer.i18n import tr as _

Inputs = Mapping[str, Any]
"""Volume nodes by modality."""


class DetectionRound:
    """Sets of volumes in turn, and what became of each."""

    def __init__(self, sets: Sequence[Inputs], leftOut: Sequence[str] = ()) -> None:
        """`leftOut`: why other volumes are not examined, one sentence each."""
        self._waiting = list(sets)
        self._count = len(sets)
        self._troubles = list(leftOut)
        self._made = 0
        self.inputs: Inputs = {}
        """Those whose turn it is."""

    @property
    def alone(self) -> bool:
        """Whether there was no more than one from the beginning."""
        return self._count < 2 and not self._troubles

    @property
    def name(self) -> str:
        """What the user calls those whose turn it is; empty for a single set."""
        if self.alone:
            return ""
        number = self._count - len(self._waiting)
        text = _("Volume {number} of {count}, {name}")
        return text.format(number=number, count=self._count, name=next(iter(self.inputs.values())).GetName())

    def anyPresent(self, isPresent: Callable[[Inputs], bool]) -> bool:
        """Whether any of the sets that wait is still there."""
        return any(isPresent(inputs) for inputs in self._waiting)

    def next(self) -> bool:
        """Turn to the next set; False after the last."""
        if not self._waiting:
            return False
        self.inputs = self._waiting.pop(0)
        return True

    def succeeded(self) -> None:
        """Those whose turn it is have a result."""
        self._made += 1

    def failed(self, sentence: str) -> None:
        """They have none."""
        self._troubles.append(f"{self.name}: {sentence}" if self.name else sentence)

    def cancelled(self) -> str:
        """What to say of a round that the user has ended."""
        if not self._made:
            return _("Cancelled; the scene is as it was.")
        text = _("Cancelled; {made} of {count} volumes were examined, their results stay.")
        return text.format(made=self._made, count=self._count)

    def summary(self) -> str:
        """What to say of a whole round."""
        text = _("Done: {made} of {count} volumes were examined. Choose a result to see it.")
        return "\n".join([text.format(made=self._made, count=self._count), *self._troubles])
