"""What the gate says of a volume, as findings and evidence keep it. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Gate = Literal["green", "amber", "red"]
RISING: tuple[Gate, ...] = ("green", "amber", "red")
UNKNOWN_SENTENCE = "It was not checked whether the model knows such images: it has no reference to tell by."
"""Of a model without one."""


@dataclass(frozen=True)
class GateCheck:
    """One look at the volume."""

    name: str
    state: Gate
    distance: float
    """From what the model was calibrated on; amber from 1 on."""
    sentence: str


@dataclass(frozen=True)
class GateOpinion:
    """The worst of its checks decides."""

    state: Gate
    checks: tuple[GateCheck, ...]
    healthy: tuple[float, ...] = ()
    """The strongest region of each healthy head that findings are compared with, mL of excess; empty: nobody measured
    it for the calibration in use."""

    @property
    def sentences(self) -> list[str]:
        """Of the checks that are not green, the worst first; of a green volume one that says so."""
        told = sorted((c for c in self.checks if c.state != "green"), key=lambda c: -RISING.index(c.state))
        return [check.sentence for check in told] or ["The image is like those that the model was calibrated on."]


def worst(states: Sequence[Gate]) -> Gate:
    """Red before amber before green."""
    return max(states, key=RISING.index, default="green")
