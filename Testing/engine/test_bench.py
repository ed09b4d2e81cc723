"""`anofpdm bench`: which rows its table has, and what it says was computed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import CommandLine
from tiny_model import tiny_calibration

from anofpdm import Detector, SelectionSettings, Threshold
from anofpdm.core import device as device_choice
from anofpdm.core.device import ChosenDevice
from anofpdm.methods.anofpdm.benchmark import run as benchmark_run
from anofpdm.methods.anofpdm.benchmark.naive_pattern import (
    stored_bytes,
)
from anofpdm.methods.anofpdm.benchmark.rows import NAIVE, benchmark_rows
from anofpdm.methods.anofpdm.benchmark.subject import model_subject
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.store.model_folder import open_model_folder

CPU = torch.device("cpu")
SHOW_ALL = SelectionSettings(guidance=1, threshold=Threshold("value", 1.0), ungated=True)


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


def test_quick_table(command: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "figures" / "bench.json"
    outcome = command("bench", "--quick", "--parts", "--json", file, "--device", "cpu", "--precision", "bfloat16")
    assert outcome.status == 0, outcome.err
    assert outcome.err.startswith("the naive pattern against reference mode\n")
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
