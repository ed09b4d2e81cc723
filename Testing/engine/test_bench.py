"""`anofpdm bench`: its table says what was computed, and the naive pattern computes what the engine does."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from command_line import CommandLine
from network_samples import SMALL, random_network
from tiny_model import tiny_calibration

from anofpdm import Detector, SelectionSettings, Threshold
from anofpdm.core import device as device_choice
from anofpdm.core.device import ChosenDevice, choose_device
from anofpdm.core.errors import AnoFPDMError
from anofpdm.core.precision import Precision
from anofpdm.diffusion.denoisers import NetworkPredictor
from anofpdm.diffusion.noise import SeededNoise
from anofpdm.diffusion.schedule import NoiseSchedule, ScheduleConfig
from anofpdm.diffusion.slices import Batching
from anofpdm.methods.anofpdm.accumulate import GuidedNetwork, accumulate_slices
from anofpdm.methods.anofpdm.benchmark import run as benchmark_run
from anofpdm.methods.anofpdm.benchmark import stopwatch
from anofpdm.methods.anofpdm.benchmark.agreement import agreement
from anofpdm.methods.anofpdm.benchmark.matrix_peak import MatrixPeak, matrix_peak
from anofpdm.methods.anofpdm.benchmark.memory import MEMORY_SLICES, kept_bytes, memory_of
from anofpdm.methods.anofpdm.benchmark.naive_pattern import (
    FormulaPredictor,
    naive_evaluations,
    run_naive_pattern,
    stored_bytes,
)
from anofpdm.methods.anofpdm.benchmark.operations import EvaluationCost, evaluation_cost
from anofpdm.methods.anofpdm.benchmark.parts import ways_to_compute
from anofpdm.methods.anofpdm.benchmark.report import format_report, report_to_dict
from anofpdm.methods.anofpdm.benchmark.rows import NAIVE, Row, benchmark_rows, reference_point
from anofpdm.methods.anofpdm.benchmark.run import Benchmark, BenchmarkPlan
from anofpdm.methods.anofpdm.benchmark.stopwatch import peak_bytes, seconds_of
from anofpdm.methods.anofpdm.benchmark.subject import TINY, drawn_slices, model_subject, random_subject
from anofpdm.methods.anofpdm.benchmark.workbench import Workbench
from anofpdm.methods.anofpdm.evidence import evidence_arrays
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.network import kernels
from anofpdm.store.model_folder import open_model_folder

CPU = torch.device("cpu")
SCHEDULE = NoiseSchedule.linear(ScheduleConfig())
SHOW_ALL = SelectionSettings(guidance=1, threshold=Threshold("value", 1.0), ungated=True)


# --- the naive pattern


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


# --- the rows


def test_rows_without_a_calibration() -> None:
    rows = {row.name: row for row in benchmark_rows((), "bfloat16", reference_steps=600, timed_steps=20)}
    assert list(rows) == [*NAIVE, "engine, float32", *(f"as shipped, {name}" for name in ("paper", "balanced", "fast"))]
    assert [row.evaluations for row in rows.values()] == [2399, 2399, 1201, 1201, 34, 11]
    assert [row.timed.steps for row in rows.values()] == [20, 20, 20, 20, 8, 5]
    assert [row.timed_evaluations for row in rows.values()] == [79, 79, 41, 41, 34, 11]
    assert [row.healthy_evaluations for row in rows.values()] == [40, 40, 20, 20, 16, 5]
    assert {row.point.precision for name, row in rows.items() if name.startswith("as shipped")} == {"bfloat16"}
    assert [row.point.mirrored for row in rows.values()] == [False] * 4 + [True, False]
    assert not any(row.calibrated for row in rows.values())


@pytest.mark.parametrize("both", [False, True])
def test_presets_come_from_the_calibrations(both: bool) -> None:
    point = OperatingPoint(steps=7, first=1, last=300)
    calibrations = [tiny_calibration("0" * 64, point=point, name="balanced")]
    if both:
        rounded = dataclasses.replace(point, precision="bfloat16")
        calibrations.append(tiny_calibration("0" * 64, point=rounded, name="balanced"))
    found = benchmark_rows(tuple(calibrations), "bfloat16", reference_steps=600, timed_steps=20)
    rows = {row.name: row for row in found}
    assert rows["as shipped, balanced"].point == calibrations[-1].operating_point
    assert rows["as shipped, balanced"].calibrated and not rows["as shipped, fast"].calibrated
    # What is not calibrated in bfloat16 is not shipped in it.
    assert rows["as shipped, fast"].point.precision == ("bfloat16" if both else "float32")


# --- what is measured


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


# --- the parts


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


# --- the command


def test_quick_table(command: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "figures" / "bench.json"
    outcome = command("bench", "--quick", "--parts", "--json", file, "--device", "cpu", "--precision", "bfloat16")
    assert outcome.status == 0, outcome.err
    report = json.loads(file.read_text())
    assert report["network"]["parameters"] > 10_000 and report["slices"] == 2
    assert 0 < report["naive_difference"] <= 1e-4
    rows = {row["name"]: row for row in report["rows"]}
    steps = {name: row["operating_point"]["steps"] for name, row in rows.items()}
    assert list(steps.values()) == [60, 60, 60, 60, 8, 5]
    first = report["rows"][0]
    for name, row in rows.items():
        naive = row["pattern"] in NAIVE
        mirrored = 2 if row["operating_point"]["mirrored"] else 1
        assert row["evaluations"] == (4 * steps[name] - 1 if naive else mirrored * (2 * steps[name] + 1))
        seconds = row["seconds_a_slice"]
        assert row["seconds_a_slice_by_round"] == [seconds] and seconds > 0
        assert row["times_naive"] == pytest.approx(first["seconds_a_slice"] / seconds)
        one = row["operations_of_an_evaluation"]
        mean = row["operations_a_slice"] / row["evaluations"]
        assert min(one.values()) <= mean <= max(one.values())
        assert row["operations_per_s"] == pytest.approx(row["operations_a_slice"] / seconds)
        peak = report["matrix_multiplication"][row["operating_point"]["precision"]]["flops_per_s"]
        assert row["share_of_matrix_multiplication"] == pytest.approx(row["operations_per_s"] / peak)
        line = next(line for line in outcome.out.splitlines() if line.startswith(f"{name} "))
        visited = f"{steps[name]} x 2 of 1.." if mirrored == 2 else f" {steps[name]} of 1.."
        assert visited in line and f" {row['evaluations']} " in line
        assert f" {seconds:.4g} " in line and f" {row['times_naive']:.2f} " in line
        assert (row["agreement"] is None) == (naive or name == "engine, float32")
    assert rows["as shipped, paper"]["agreement"]["correlation"] > 0.98
    parts = {part["name"]: part for part in report["parts"]}
    assert parts["the engine"]["times_engine"] == 1.0
    for name, part in parts.items():
        assert part["times_engine"] == pytest.approx(part["seconds"][0] / parts["the engine"]["seconds"][0])
        assert f"  {name:<24} {part['times_engine']:>6.3f}" in outcome.out.splitlines()
    stored = rows[NAIVE[0]]["memory_bytes_600_steps_32_slices"]
    assert stored > stored_bytes(32, 1, 16 * 16, 600)
    assert stored > 50 * rows["as shipped, paper"]["memory_bytes"]


def test_processor_time_is_the_cpus(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = ChosenDevice(torch.device("cuda"), "some GPU")
    monkeypatch.setattr(device_choice, "choose_device", lambda _: gpu)
    outcome = command("bench", "--quick", "--clock", "processor")
    assert outcome.status == 2 and "--clock processor is for the CPU" in outcome.err


def test_a_model_is_measured_as_it_is_calibrated(command: CommandLine, tiny_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    outcome = command("bench", tiny_model, "--quick", "--slices", 1, "--agreement-slices", 0, "--json", file)
    assert outcome.status == 0, outcome.err
    report = json.loads(file.read_text())
    assert report["network"]["title"] == "tiny"
    assert {row["operating_point"]["precision"] for row in report["rows"]} == {"float32"}
    assert all(row["agreement"] is None for row in report["rows"])


def test_slices_of_a_volume(tiny_model: Path, head_file: Path) -> None:
    folder = open_model_folder(tiny_model)
    subject = model_subject(folder, [], 3, str(head_file))
    case = Detector.from_folder(folder).detect(head_file, SHOW_ALL).case
    rows = np.array([int(np.flatnonzero((case.evidence.x0 == one).all((1, 2, 3)))[0]) for one in subject.x0])
    n = len(case.evidence)
    assert np.allclose(rows, np.array([0.25, 0.5, 0.75]) * (n - 1), atol=0.51), "evenly spread, the ends left out"
    assert len(model_subject(folder, [], 500, str(head_file)).x0) == n


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--slices", "0"], "--slices must be at least 1"),
        (["--timed-steps", "3"], "--timed-steps must be at least 4"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--batch-size", "-1"], "--batch-size must be at least 1"),
        (["--network", "enormous"], "does not exist"),
        (["no-such-model"], "no model named"),
        (["model", "--network", "tiny"], "not allowed with"),
        (["--input", "head.nii.gz"], "--input needs a MODEL"),
        (["--json", ""], "--json is empty"),
        (["--device", "abacus"], "device 'abacus' is not known"),
    ],
)
def test_wrong_calls(command: CommandLine, arguments: list[str], words: str, tmp_path: Path) -> None:
    outcome = command("bench", *arguments, "--quick")
    assert outcome.status != 0 and words in outcome.err and outcome.out == ""
    assert len(outcome.err.strip().splitlines()) == 1


def test_a_file_that_cannot_be_written_is_said_first(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_run, "Benchmark", None)
    (tmp_path / "file").write_text("")
    outcome = command("bench", "--quick", "--json", tmp_path / "file" / "bench.json")
    assert outcome.status == 4 and outcome.out == ""
