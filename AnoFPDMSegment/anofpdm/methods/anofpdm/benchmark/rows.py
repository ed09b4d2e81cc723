"""The rows of the benchmark's table: which pattern, at which operating point, in which precision."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from ....core.precision import Precision
from ..calibration import Calibration
from ..forward_process import network_evaluations
from ..operating_point import OperatingPoint
from ..presets import PRESETS
from .naive_pattern import naive_evaluations

Pattern = Literal["naive, by the formulas", "naive, the engine's network", "engine"]
NAIVE: tuple[Pattern, ...] = ("naive, by the formulas", "naive, the engine's network")
USUAL_RANGE = (1, 400)
"""Of balanced and fast where no calibration has chosen one."""

SHORTEST_STEPS = 4
"""With fewer the public code's last jump leaves the schedule."""


@dataclass(frozen=True)
class Row:
    """One way to compute the maps."""

    name: str
    pattern: Pattern
    point: OperatingPoint
    timed_steps: int
    """Steps visited while timing; evaluations are scaled linearly to all steps."""
    calibrated: bool = False

    @property
    def timed(self) -> OperatingPoint:
        """The operating point that is timed: the same range, no more than `timed_steps` visited."""
        return dataclasses.replace(self.point, steps=min(self.point.steps, self.timed_steps))

    @property
    def shortest(self) -> OperatingPoint:
        """The operating point for warming up and measuring memory."""
        return dataclasses.replace(self.point, steps=min(self.point.steps, SHORTEST_STEPS))

    @property
    def evaluations(self) -> int:
        """Network evaluations a slice at all steps."""
        return self._evaluations(self.point)

    @property
    def timed_evaluations(self) -> int:
        """Network evaluations a slice while timing."""
        return self._evaluations(self.timed)

    @property
    def healthy_evaluations(self) -> int:
        """Those of the timed ones that are made with the healthy label."""
        return (2 if self.pattern in NAIVE or self.point.mirrored else 1) * self.timed.steps

    def _evaluations(self, point: OperatingPoint) -> int:
        return naive_evaluations(point.steps) if self.pattern in NAIVE else network_evaluations(point)


def reference_point(steps: int) -> OperatingPoint:
    """The paper's process, in float32: what every map is compared with."""
    first, last = PRESETS["paper"].noise_range or (1, 600)
    return OperatingPoint(steps=steps, first=first, last=last)


def benchmark_rows(
    calibrations: tuple[Calibration, ...], shipped: Precision, *, reference_steps: int, timed_steps: int
) -> list[Row]:
    """The naive pattern, the engine in float32, and the engine as shipped at the presets.

    Args:
        calibrations: a preset that is among them has its operating point from there, in `shipped` if it is
            calibrated in that; another one is measured as if it were calibrated alike.
        shipped: the precision in which this device computes fastest.
        reference_steps: visited by the first rows and by the preset `paper`; the paper's number is 600.
    """
    reference = reference_point(reference_steps)
    rows = [Row(pattern, pattern, dataclasses.replace(reference, mode="reference"), timed_steps) for pattern in NAIVE]
    rows.append(Row("engine, float32", "engine", reference, timed_steps))
    if calibrations and all(c.operating_point.precision != shipped for c in calibrations):
        shipped = calibrations[0].operating_point.precision
    for name in ("paper", "balanced", "fast"):
        found = [c.operating_point for c in calibrations if c.name == name]
        first, last = USUAL_RANGE
        preset = PRESETS[name]
        point = reference
        if name != "paper":
            point = OperatingPoint(steps=preset.steps, first=first, last=last, mirrored=preset.mirrored)
        calibrated = bool(found) and not (name == "paper" and found[0].steps != reference_steps)
        if calibrated:
            point = next((p for p in found if p.precision == shipped), found[0])
        else:
            point = dataclasses.replace(point, precision=shipped)
        rows.append(Row(f"as shipped, {name}", "engine", point, timed_steps, calibrated))
    return rows
