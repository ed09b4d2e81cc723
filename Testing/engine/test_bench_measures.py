"""What `anofpdm bench` measures: operations, time, memory, agreement, and what each shortcut is worth."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from network_samples import SMALL, random_network

from anofpdm.core.device import choose_device
from anofpdm.core.precision import Precision
from anofpdm.diffusion.denoisers import NetworkPredictor
from anofpdm.methods.anofpdm.benchmark import run as benchmark_run
from anofpdm.methods.anofpdm.benchmark import stopwatch
from anofpdm.methods.anofpdm.benchmark.agreement import agreement
from anofpdm.methods.anofpdm.benchmark.matrix_peak import MatrixPeak, matrix_peak
from anofpdm.methods.anofpdm.benchmark.naive_pattern import (
    FormulaPredictor,
)
from anofpdm.methods.anofpdm.benchmark.operations import EvaluationCost, evaluation_cost
from anofpdm.methods.anofpdm.benchmark.parts import ways_to_compute
from anofpdm.methods.anofpdm.benchmark.report import format_report, report_to_dict
from anofpdm.methods.anofpdm.benchmark.rows import benchmark_rows
from anofpdm.methods.anofpdm.benchmark.run import Benchmark, BenchmarkPlan
from anofpdm.methods.anofpdm.benchmark.stopwatch import peak_bytes, seconds_of
from anofpdm.methods.anofpdm.benchmark.subject import TINY, drawn_slices, random_subject
from anofpdm.methods.anofpdm.benchmark.workbench import Workbench
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.network import kernels

CPU = torch.device("cpu")


def test_operations_of_an_evaluation() -> None:
    """By hand: one 3x3 convolution is 2 * 9 * pixels * inputs * outputs."""
    convolution = torch.nn.Conv2d(2, 4, 3, padding=1)
    cost = evaluation_cost(lambda x, t, label: convolution(x), torch.zeros(1, 2, 10, 10), 0)
    assert cost == EvaluationCost(2 * 9 * 100 * 2 * 4, 2 * 9 * 100 * 2 * 4)
    assert cost.total(2, 1) == 3 * cost.null


def test_attention_is_counted_and_the_shortcuts_show() -> None:
    network = random_network(SMALL)
    x = torch.zeros(1, 2, 16, 16)
    plain = evaluation_cost(FormulaPredictor(network), x, 0)
    fast = evaluation_cost(NetworkPredictor.prepared(network, "float32"), x, 0)
    assert plain.healthy == plain.null > fast.healthy > fast.null
    without = evaluation_cost(FormulaPredictor(random_network(dataclasses.replace(SMALL, label_tokens=False))), x, 0)
    assert without.healthy < fast.healthy


def test_the_stopwatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """On clocks that tick with the work alone: 3 s on the wall, of which the processor was busy for one."""
    wall, processor = [10.0], [20.0]
    clocks = SimpleNamespace(perf_counter=lambda: wall[0], process_time=lambda: processor[0])
    monkeypatch.setattr(stopwatch, "time", clocks)

    def wait() -> None:
        wall[0] += 3
        processor[0] += 1

    assert seconds_of(wait, CPU) == 3 and seconds_of(wait, CPU, "processor") == 1
    assert seconds_of(lambda: None, CPU, "processor") > 0


def test_the_peak_of_the_memory() -> None:
    def work() -> None:
        for size in (1000, 250_000, 10):
            torch.empty(size).fill_(0)

    assert peak_bytes(work, CPU) == pytest.approx(1_000_000, rel=0.01)


def test_the_peak_names_its_call() -> None:
    peak = matrix_peak(CPU, "float32", sides=(64,))
    assert peak.flops_per_s > 0
    assert peak.call in ("product, side 64", "1x1 convolution, side 64")


def test_no_share_of_a_peak_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products that were disturbed more than the network was."""
    rates = iter([3e12, 1.0, 4e12, 2.0])
    monkeypatch.setattr(benchmark_run, "matrix_peak", lambda *_: MatrixPeak(next(rates), "product"))
    plan = dataclasses.replace(BenchmarkPlan.quick(), agreement_slices=0)
    rows = benchmark_rows((), "bfloat16", reference_steps=60, timed_steps=4)
    result = Benchmark(random_subject(TINY, 1), choose_device("cpu"), plan).run(rows)
    assert {name: peak.flops_per_s for name, peak in result.peaks.items()} == {"float32": 4e12, "bfloat16": 2.0}
    shares = [row["share_of_matrix_multiplication"] for row in report_to_dict(result)["rows"]]
    assert all(0 < share < 1 for share in shares[:3]) and shares[3:] == [None] * 3
    text = format_report(result)
    assert "faster than the matrix multiplication measured" in text
    assert all("%" not in line for line in text.splitlines() if line.startswith("as shipped"))


def test_agreement_of_maps() -> None:
    bench = Workbench(random_subject(TINY, 2), choose_device("cpu"), guidance=2.0)
    one = bench.engine(OperatingPoint(steps=4, last=400))
    same = agreement(one, one, 2.0)
    assert same.correlation == pytest.approx(1.0) and same.dice == 1.0
    other = agreement(bench.engine(OperatingPoint(steps=4, last=900)), one, 2.0)
    assert other.correlation < 0.99 and other.dice < 1.0


def test_drawn_slices_show_a_head_in_the_networks_range() -> None:
    config = random_subject(TINY, 1).config
    x0, level = drawn_slices(config, 5)
    assert x0.shape == (5, 1, 16, 16) and x0.dtype == np.float32
    assert x0.min() >= -1 and x0.max() == 1
    assert (np.diff(level) > 0).all() and 0 < level[0] < level[-1] < 1
    assert all(0.1 < (one > -0.8).mean() < 0.9 for one in x0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_parts_undone_compute_the_same(precision: Precision) -> None:
    """Else the times compared would be those of different computations."""
    bench = Workbench(random_subject(TINY, 2), choose_device("cpu"), guidance=2.0)
    point = OperatingPoint(steps=4, last=400, precision=precision)
    ways = ways_to_compute(bench, point)
    maps = {name: work().aam(2.0) for name, work in ways.items()}
    engine = maps.pop("the engine")
    assert {"each label by itself", "channel by channel", "torch's own kernels"} < set(maps)
    for name, other in maps.items():
        if precision == "float32":
            assert np.abs(other - engine).max() <= 1e-4 * engine.max(), name
        else:
            assert np.corrcoef(other.ravel(), engine.ravel())[0, 1] > 0.99, name


def test_each_label_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []
    original = NetworkPredictor.__call__

    def spy(self: NetworkPredictor, x: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        seen.append(label.tolist())
        return original(self, x, t, label)

    monkeypatch.setattr(NetworkPredictor, "__call__", spy)
    bench = Workbench(random_subject(TINY, 2), choose_device("cpu"), guidance=2.0)
    ways = ways_to_compute(bench, OperatingPoint(steps=3, last=400))
    ways["each label by itself"]()
    assert seen == [[-1, -1], *([[0, 0], [-1, -1]] * 3)]
    seen.clear()
    ways["the engine"]()
    assert seen == [[-1, -1], *([[0, 0, -1, -1]] * 3)]


def test_choosing_kernels_can_be_switched_off() -> None:
    q = torch.randn(1, 2, 8, 4, dtype=torch.bfloat16)
    with torch.inference_mode():
        chosen = kernels.attend(q, q, q)
        with kernels.fused_kernels_only():
            fused = kernels.attend(q, q, q)
        assert torch.equal(kernels.attend(q, q, q), chosen)
    assert torch.equal(fused, torch.nn.functional.scaled_dot_product_attention(q, q, q))
