"""The benchmark: every row timed in turn, round after round, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ....core.device import ChosenDevice
from ....core.errors import AnoFPDMError
from ....core.precision import Precision
from ....core.progress import CancelToken
from .agreement import Agreement, agreement
from .matrix_peak import QUICK_SIDES, MatrixPeak, matrix_peak
from .memory import memory_of
from .operations import EvaluationCost
from .parts import PartResult, measure_parts
from .rows import NAIVE, Row, reference_point
from .stopwatch import Clock, seconds_of
from .subject import Subject
from .workbench import Workbench

NAIVE_TOLERANCE = 1e-4


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

    def share_of_peak(self, row: RowResult) -> float | None:
        """Of the rate of matrix multiplication in the row's precision; None where the row was faster than that.

        Then the products were disturbed, or a convolution needs fewer operations than are counted for it: the rate
        measured is no peak, and a share of it would say nothing.
        """
        share = row.operations_per_s / self.peaks[row.row.point.precision].flops_per_s
        return share if share <= 1 else None


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
        plan = self._plan
        peaks = self._peaks(dict.fromkeys(row.point.precision for row in rows))
        seconds = self._seconds(rows)
        # Once more afterwards: a device that was disturbed, or not yet awake, does not show its best at once.
        for precision, again in self._peaks(peaks).items():
            peaks[precision] = max(peaks[precision], again, key=lambda peak: peak.flops_per_s)
        results = [self._result(row, costs[row.name], seconds[row.name], seconds[rows[0].name]) for row in rows]
        results = self._compared(results)
        parts = self._parts(rows[-1]) if plan.parts else ()
        return BenchmarkResult(self._subject, self._device, plan, peaks, costs, difference, tuple(results), parts)

    def _peaks(self, precisions: Iterable[Precision]) -> dict[Precision, MatrixPeak]:
        plan, device = self._plan, self._device.device
        return {name: matrix_peak(device, name, plan.clock, plan.matrix_sides) for name in precisions}

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
            self._bench.compute(row, row.shortest)
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
        memory, of_many = memory_of(self._bench, row)
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

    def _compared(self, results: list[RowResult]) -> list[RowResult]:
        """The rows of the engine with the agreement of their maps."""
        plan = self._plan
        if not plan.agreement_slices:
            return results
        self._tell(f"agreement: engine, float32, {plan.reference_steps} steps")
        # Evenly spread: the lowest slices show little brain.
        count = min(plan.agreement_slices, len(self._subject.x0))
        slices = [int((number + 0.5) * len(self._subject.x0) / count) for number in range(count)]
        reference = self._bench.engine(reference_point(plan.reference_steps), slices)
        compared = []
        for result in results:
            if result.row.pattern in NAIVE or result.row.point == reference.point:
                compared.append(result)
                continue
            self._tell(f"agreement: {result.row.name}")
            # Of the paper's maps, whichever direction the model reads them in.
            point = dataclasses.replace(result.row.point, direction="both")
            evidence = self._bench.engine(point, slices)
            found = agreement(evidence, reference, plan.guidance)
            compared.append(dataclasses.replace(result, agreement=found))
        return compared
