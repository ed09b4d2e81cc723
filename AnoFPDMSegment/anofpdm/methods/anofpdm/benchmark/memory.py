"""The memory that a row of the benchmark needs beside weights and input."""

from __future__ import annotations

from ..evidence import Evidence, evidence_arrays
from ..operating_point import OperatingPoint
from .naive_pattern import NaiveMaps, stored_bytes
from .rows import NAIVE, Row
from .stopwatch import peak_bytes
from .workbench import Workbench

MEMORY_SLICES, MEMORY_STEPS = 32, 600
"""For which the memory is also given."""
CURVES = ("rr", "rd", "dd", "divergence_bank", "mse_healthy_bank", "mse_unguided_steps")
"""What of an evidence grows with the steps."""


def memory_of(bench: Workbench, row: Row) -> tuple[int | None, int | None]:
    """Most bytes held by tensors: at the row's own steps and slices, and at MEMORY_STEPS steps and MEMORY_SLICES.

    Measured over a few steps; what grows with steps and slices is added. None where it cannot be measured.
    """
    made: list[Evidence | NaiveMaps] = []
    point = row.shortest
    measured = peak_bytes(lambda: made.append(bench.compute(row, point)), bench.device)
    if measured is None:
        return None, None
    if row.pattern in NAIVE:
        return _naive(bench, row, measured)
    assert not isinstance(made[0], NaiveMaps)
    return measured, _engine_of_many(bench, point, made[0], measured)


def _naive(bench: Workbench, row: Row, measured: int) -> tuple[int, int]:
    """The stored predictions grow with steps and slices, all else with the slices alone: they are one batch."""
    config, n = bench.subject.config, len(bench.subject.x0)

    def stored(slices: int, steps: int) -> int:
        return stored_bytes(slices, len(config.used), config.grid.matrix**2, steps)

    working = measured - stored(n, row.shortest.steps)
    many = stored(MEMORY_SLICES, MEMORY_STEPS) + working * MEMORY_SLICES // n
    return working + stored(n, row.point.steps), many


def _engine_of_many(bench: Workbench, point: OperatingPoint, evidence: Evidence, measured: int) -> int:
    """A whole batch at work while the evidence of all other slices is kept; part of it was when it was measured."""
    n, here, batch = len(bench.subject.x0), bench.usual_batch_size(point), bench.usual_batch_size(point, MEMORY_SLICES)
    known = max(n, batch) if n < MEMORY_SLICES else MEMORY_SLICES
    return measured * batch // here + (MEMORY_SLICES - known) * kept_bytes(evidence, MEMORY_STEPS)


def kept_bytes(evidence: Evidence, steps: int) -> int:
    """The evidence of a slice, were it of so many steps."""
    arrays = evidence_arrays(evidence)
    curves = sum(array.nbytes for name, array in arrays.items() if name in CURVES)
    maps = sum(array.nbytes for name, array in arrays.items() if name not in CURVES)
    return (maps + curves * steps // evidence.point.steps) // len(evidence)
