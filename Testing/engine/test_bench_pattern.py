"""The naive pattern, beside which `anofpdm bench` measures, computes what the engine does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from network_samples import random_network

from anofpdm.core.device import choose_device
from anofpdm.core.errors import AnoFPDMError
from anofpdm.diffusion.denoisers import NetworkPredictor
from anofpdm.diffusion.noise import SeededNoise
from anofpdm.diffusion.schedule import NoiseSchedule, ScheduleConfig
from anofpdm.diffusion.slices import Batching
from anofpdm.methods.anofpdm.accumulate import GuidedNetwork, accumulate_slices
from anofpdm.methods.anofpdm.benchmark.memory import MEMORY_SLICES, kept_bytes, memory_of
from anofpdm.methods.anofpdm.benchmark.naive_pattern import (
    FormulaPredictor,
    naive_evaluations,
    run_naive_pattern,
    stored_bytes,
)
from anofpdm.methods.anofpdm.benchmark.rows import NAIVE, Row, benchmark_rows, reference_point
from anofpdm.methods.anofpdm.benchmark.run import Benchmark, BenchmarkPlan
from anofpdm.methods.anofpdm.benchmark.stopwatch import peak_bytes
from anofpdm.methods.anofpdm.benchmark.subject import TINY, random_subject
from anofpdm.methods.anofpdm.benchmark.workbench import Workbench
from anofpdm.methods.anofpdm.evidence import evidence_arrays
from anofpdm.methods.anofpdm.operating_point import OperatingPoint

CPU = torch.device("cpu")
SCHEDULE = NoiseSchedule.linear(ScheduleConfig())


@pytest.mark.parametrize("bank", [(), (3.0,)])
def test_the_naive_pattern_computes_the_reference_mode(bank: tuple[float, ...]) -> None:
    calls: list[tuple[int, int]] = []
    formulas = FormulaPredictor(random_network())

    def spy(x_t: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        calls.append((len(x_t), int(label[0])))
        return formulas(x_t, t, label)

    point = OperatingPoint(steps=9, last=600, mode="reference", clamp=bool(bank), guidance_bank=bank)
    x0 = np.random.default_rng(1).uniform(-1, 1, (3, 2, 16, 16)).astype(np.float32)
    common: dict[str, Any] = {"used_channels": [0, 1], "healthy_label": 0}
    noise = SeededNoise(0, range(3))
    naive = run_naive_pattern(torch.from_numpy(x0), spy, SCHEDULE, point, 3.0, noise=noise, **common)
    predictor = NetworkPredictor.prepared(random_network(), "float32")
    evidence = accumulate_slices(x0, None, GuidedNetwork(predictor, SCHEDULE, [0, 1], 0), point, Batching(CPU))

    assert len(calls) == naive_evaluations(9) == 4 * 9 - 1, "every label in an evaluation of its own"
    assert {count for count, _ in calls} == {3}
    assert [label for _, label in calls].count(0) == 2 * 9
    assert np.array_equal(naive.end_index.numpy(), evidence.end(3.0))
    assert (evidence.end(3.0) > 0).any(), "otherwise no map is compared"
    for ours, theirs in (
        (naive.aam, evidence.aam(3.0)),
        (naive.divergence, evidence.divergence(3.0)),
        (naive.mse_healthy, evidence.mse_healthy(3.0)),
        (naive.mse_unguided, evidence.mse_unguided()),
    ):
        assert np.array_equal(np.isnan(ours.numpy()), np.isnan(theirs))
        assert np.nanmax(np.abs(ours.numpy() - theirs)) <= 1e-4 * np.nanmax(np.abs(theirs))


def test_a_wrong_pattern_ends_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Workbench.naive

    def wrong(self: Workbench, row: Row, point: OperatingPoint) -> Any:
        maps = original(self, row, point)
        return dataclasses.replace(maps, mse_healthy=maps.mse_healthy * 1.001)

    monkeypatch.setattr(Workbench, "naive", wrong)
    benchmark = Benchmark(random_subject(TINY, 1), choose_device("cpu"), BenchmarkPlan.quick())
    with pytest.raises(AnoFPDMError, match=r"differs from the reference mode by 0\.00"):
        benchmark.run(benchmark_rows((), "float32", reference_steps=60, timed_steps=4))


def test_memory_grows_by_what_is_stored() -> None:
    """So the naive pattern's memory at all steps, worked out from a few steps, is no more than it takes."""
    bench = Workbench(random_subject(TINY, 4), choose_device("cpu"), guidance=2.0)
    point = dataclasses.replace(reference_point(600), mode="reference")
    row = Row("naive", NAIVE[0], point, 20)

    def growth(compute: Callable[[OperatingPoint], object]) -> int:
        few, many = (
            peak_bytes(lambda: compute(dataclasses.replace(point, steps=steps)), CPU)  # noqa: B023 - called at once
            for steps in (4, 12)
        )
        assert few is not None and many is not None
        return many - few

    stored = stored_bytes(4, 1, 16 * 16, 8)
    assert stored <= growth(lambda at: bench.compute(row, at)) <= 1.3 * stored
    # The engine keeps nothing but a few numbers a step.
    assert growth(lambda at: bench.engine(at)) < 0.05 * stored


@pytest.mark.parametrize("bank", [(), (2.0, 4.0)])
def test_memory_of_many_slices_holds_their_evidence(bank: tuple[float, ...]) -> None:
    """A whole batch at work, though fewer slices were measured, beside the evidence of the other slices."""
    few, more, many = (
        Workbench(random_subject(TINY, slices), choose_device("cpu"), guidance=2.0, batch_size=8)
        for slices in (4, 16, MEMORY_SLICES)
    )
    point = OperatingPoint(steps=600, last=600, clamp=bool(bank), guidance_bank=bank)
    row = Row("engine", "engine", point, 4)
    evidence = few.engine(dataclasses.replace(point, steps=5))
    assert kept_bytes(evidence, 5) == sum(array.nbytes for array in evidence_arrays(evidence).values()) // 4
    (own, of_many), (measured, _) = memory_of(few, row), memory_of(many, row)
    assert own is not None and of_many is not None and measured is not None
    assert of_many == 2 * own + (MEMORY_SLICES - 8) * kept_bytes(few.engine(row.shortest), 600)
    own, of_many_of_more = memory_of(more, row)
    assert own is not None
    assert of_many_of_more == own + (MEMORY_SLICES - 16) * kept_bytes(few.engine(row.shortest), 600)
    scalars = MEMORY_SLICES * (kept_bytes(evidence, 600) - kept_bytes(evidence, 4))
    assert 0.9 * measured < of_many_of_more < 1.2 * (measured + scalars)
    assert 0.9 * measured < of_many < 1.5 * (measured + scalars)
