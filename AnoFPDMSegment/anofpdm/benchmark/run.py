"""The benchmark: every row timed in turn, round after round, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..configuration import OperatingPoint, Precision
from ..diffusion.device import ChosenDevice
from ..errors import AnoFPDMError
from ..progress import CancelToken
from .agreement import Agreement, agreement
from .matrix_peak import QUICK_SIDES, MatrixPeak, matrix_peak
from .naive_pattern import stored_bytes
from .operations import EvaluationCost
from .parts import PartResult, measure_parts
from .rows import NAIVE, Row, reference_point
from .stopwatch import Clock, peak_bytes, seconds_of
from .subject import Subject
from .workbench import Workbench

NAIVE_TOLERANCE = 1e-4
SHORTEST_STEPS = 4
"""For warming up and measuring memory; with fewer the public code's last jump leaves the schedule."""
MEMORY_SLICES, MEMORY_STEPS = 32, 600
"""For which the memory is also given."""


@dataclass(frozen=True)
class BenchmarkPlan:
    """How thoroughly to measure."""

    rounds: int = 3
    clock: Clock = "wall"
    batch_size: int | None = None
    guidance: float = 2.0
    reference_steps: int = 600
    """Of the float32 run that the presets' maps are compared with."""
    agreement_slices: int = 4
    """How many slices that comparison takes; 0: none."""
    matrix_sides: tuple[int, ...] | None = None
    parts: bool = False
    """Also measure what each part of the engine gains, at the last row's operating point."""

    @classmethod
    def quick(cls) -> BenchmarkPlan:
        """For trying the command, not for figures."""
        return cls(rounds=1, reference_steps=60, agreement_slices=1, matrix_sides=QUICK_SIDES)


@dataclass(frozen=True)
class RowResult:
    """What was measured of a row."""

    row: Row
    batch_size: int
    seconds: tuple[float, ...]
    """A slice at all steps, round by round."""
    operations: float
    """Floating-point operations a slice at all steps."""
    memory: int | None
    """Most bytes held by tensors beside weights and input, at all steps; None where it cannot be measured."""
    memory_of_many: int | None
    """The same at MEMORY_STEPS steps and MEMORY_SLICES slices."""
    times_naive: float
    """How many times as fast as the first row: the median of the rounds' own ratios."""
    agreement: Agreement | None = None
    """With the float32 engine at the reference steps."""

    @property
    def median_seconds(self) -> float:
        """A slice at all steps."""
        return statistics.median(self.seconds)

    @property
    def operations_per_s(self) -> float:
        """Achieved rate."""
        return self.operations / self.median_seconds


@dataclass(frozen=True)
class BenchmarkResult:
    """The table and what it was measured on."""

    subject: Subject
    device: ChosenDevice
    plan: BenchmarkPlan
    peaks: dict[Precision, MatrixPeak]
    costs: dict[str, EvaluationCost]
    """Of an evaluation, by row."""
    naive_difference: float
    """Of the naive pattern from `reference` mode, relative to the largest value."""
    rows: tuple[RowResult, ...]
    parts: tuple[PartResult, ...] = ()


class Benchmark:
    """One network on one device; `tell` is told in a few words what is being measured."""

    def __init__(
        self,
        subject: Subject,
        device: ChosenDevice,
        plan: BenchmarkPlan,
        *,
        tell: Callable[[str], None] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self._subject = subject
        self._device = device
        self._plan = plan
        self._tell = tell or (lambda _: None)
        self._bench = Workbench(subject, device, guidance=plan.guidance, batch_size=plan.batch_size, cancel=cancel)

    def run(self, rows: Sequence[Row]) -> BenchmarkResult:
        """Measure; the first row is the one that the others are compared with, and a naive one.

        Raises AnoFPDMError if the naive pattern does not compute what `reference` mode does.
        """
        difference = self._check_naive(rows[0])
        self._tell("operations and matrix multiplication")
        costs = {row.name: self._bench.cost(row) for row in rows}
        plan, device = self._plan, self._device.device
        peaks: dict[Precision, MatrixPeak] = {}
        for precision in dict.fromkeys(row.point.precision for row in rows):
            peaks[precision] = matrix_peak(device, precision, plan.clock, plan.matrix_sides)
        seconds = self._seconds(rows)
        results = [self._result(row, costs[row.name], seconds[row.name], seconds[rows[0].name]) for row in rows]
        results = self._compared(results)
        parts = self._parts(rows[-1]) if plan.parts else ()
        return BenchmarkResult(self._subject, self._device, plan, peaks, costs, difference, tuple(results), parts)

    def _parts(self, row: Row) -> tuple[PartResult, ...]:
        plan = self._plan
        return tuple(measure_parts(self._bench, row.point, rounds=plan.rounds, clock=plan.clock, tell=self._tell))

    def _check_naive(self, row: Row) -> float:
        self._tell("the naive pattern against reference mode")
        difference = self._bench.naive_difference(row)
        if not difference <= NAIVE_TOLERANCE:
            raise AnoFPDMError(
                f"The naive pattern differs from the reference mode by {difference:.2g} of the largest value, more "
                f"than {NAIVE_TOLERANCE:g}: one of the two is wrong on {self._device.name}; please report this."
            )
        return difference

    def _seconds(self, rows: Sequence[Row]) -> dict[str, list[float]]:
        """A slice of each row at all its steps, round by round."""
        found: dict[str, list[float]] = {row.name: [] for row in rows}
        for row in rows:
            self._tell(f"warming up: {row.name}")
            self._bench.compute(row, _shortest(row))
        for number in range(1, self._plan.rounds + 1):
            for row in rows:
                self._tell(f"round {number} of {self._plan.rounds}: {row.name}")
                took = seconds_of(
                    lambda row=row: self._bench.compute(row, row.timed),  # type: ignore[misc]
                    self._device.device,
                    self._plan.clock,
                )
                scale = row.evaluations / row.timed_evaluations
                found[row.name].append(took / len(self._subject.x0) * scale)
        return found

    def _result(self, row: Row, cost: EvaluationCost, seconds: list[float], first: list[float]) -> RowResult:
        self._tell(f"memory: {row.name}")
        memory, of_many = self._memory(row)
        operations = cost.total(row.healthy_evaluations, row.timed_evaluations - row.healthy_evaluations)
        return RowResult(
            row,
            self._bench.batch_size(row),
            tuple(seconds),
            operations * row.evaluations / row.timed_evaluations,
            memory,
            of_many,
            statistics.median(a / b for a, b in zip(first, seconds, strict=True)),
        )

    def _memory(self, row: Row) -> tuple[int | None, int | None]:
        """At the row's own steps and slices, and at many: what the naive pattern stores grows with both."""
        point = _shortest(row)
        measured = peak_bytes(lambda: self._bench.compute(row, point), self._device.device)
        if measured is None or row.pattern not in NAIVE:
            return measured, measured
        config, n = self._subject.config, len(self._subject.x0)

        def stored(slices: int, steps: int) -> int:
            return stored_bytes(slices, len(config.used), config.grid.matrix**2, steps)

        working = measured - stored(n, point.steps)
        many = stored(MEMORY_SLICES, MEMORY_STEPS) + working * MEMORY_SLICES // n
        return working + stored(n, row.point.steps), many

    def _compared(self, results: list[RowResult]) -> list[RowResult]:
        """The rows of the engine with the agreement of their maps."""
        plan = self._plan
        if not plan.agreement_slices:
            return results
        self._tell(f"agreement: engine, float32, {plan.reference_steps} steps")
        reference = self._bench.engine(reference_point(plan.reference_steps), plan.agreement_slices)
        compared = []
        for result in results:
            if result.row.pattern in NAIVE or result.row.point == reference.point:
                compared.append(result)
                continue
            self._tell(f"agreement: {result.row.name}")
            evidence = self._bench.engine(result.row.point, plan.agreement_slices)
            found = agreement(evidence, reference, plan.guidance)
            compared.append(dataclasses.replace(result, agreement=found))
        return compared


def _shortest(row: Row) -> OperatingPoint:
    return dataclasses.replace(row.point, steps=min(row.point.steps, SHORTEST_STEPS))
