"""The benchmark's result as a table for people and as JSON."""

from __future__ import annotations

import dataclasses
import platform
from pathlib import Path
from typing import Any

import torch

from .... import __version__
from ....core.records import record_to_dict
from ..calibration import describe_point, short_point
from .agreement import MASK_SHARE
from .memory import MEMORY_SLICES, MEMORY_STEPS
from .run import BenchmarkResult, RowResult

SCHEMA = 1
HEADER = (
    f"{'':<28} {'precision':<9} {'steps':>16} {'evaluations':>11} {'s a slice':>10} {'x naive':>8} {'GFLOP/s':>9} "
    f"{'of peak':>8} {'memory':>9} {'r':>7} {'Dice':>6}"
)


def format_report(result: BenchmarkResult) -> str:
    """The table with its conditions and what was scaled."""
    subject, plan = result.subject, result.plan
    network = subject.config.network
    lines = [
        f"{subject.title}: {subject.parameters / 1e6:.2f} M parameters, {network.image_size}x{network.image_size} px, "
        f"{network.in_channels} channel(s); {len(subject.x0)} {subject.source}",
        f"{result.device.name} ({_processor()}), torch {torch.__version__}; {plan.rounds} round(s), medians, "
        + ("processor time of all threads together" if plan.clock == "processor" else "wall time"),
        "matrix multiplication: "
        + "; ".join(
            f"{name} {peak.flops_per_s / 1e9:.0f} GFLOP/s ({peak.call})" for name, peak in result.peaks.items()
        ),
        "",
        HEADER,
        *(_line(row, result) for row in result.rows),
        "",
        f"The naive pattern equals the reference mode to {result.naive_difference:.1e} of the largest value.",
    ]
    scaled = sorted({row.row.timed.steps for row in result.rows if row.row.timed.steps < row.row.point.steps})
    if scaled:
        steps = " and ".join(map(str, scaled))
        lines.append(f"Rows of more steps were timed at {steps} steps of the same range, evaluations scaled linearly.")
    if any(result.share_of_peak(row) is None for row in result.rows):
        lines.append("No share of the peak is given for a row that was faster than the matrix multiplication measured.")
    missing = [row.row.name for row in result.rows if row.row.name.startswith("as shipped") and not row.row.calibrated]
    if subject.calibrations and missing:
        lines.append(f"The model is not calibrated for: {', '.join(missing)}.")
    if any(row.memory is not None and row.row.pattern != "engine" for row in result.rows):
        lines.append(
            f"Memory of tensors beside the weights at {MEMORY_STEPS} steps and {MEMORY_SLICES} slices: "
            + "; ".join(f"{row.row.name} {_megabytes(row.memory_of_many).strip()}" for row in result.rows)
            + "."
        )
    if plan.agreement_slices:
        lines.append(
            f"r and Dice: maps of both directions at w = {plan.guidance:g} against the engine in float32 at "
            f"{plan.reference_steps} steps, {min(plan.agreement_slices, len(result.subject.x0))} slice(s); "
            f"masks of the largest {100 * MASK_SHARE:g} % of the pixels."
        )
    if result.parts:
        point = result.rows[-1].row.point
        lines += ["", f"{describe_point(point)}, with one part undone at a time (how many times as long it takes):"]
        lines += [f"  {part.name:<24} {part.times_engine:>6.3f}" for part in result.parts]
    return "\n".join(lines)


def _line(result: RowResult, report: BenchmarkResult) -> str:
    point = result.row.point
    share = report.share_of_peak(result)
    of_peak = "-" if share is None else f"{share:.0%}"
    alike = result.agreement
    return (
        f"{result.row.name:<28} {point.precision:<9} {short_point(point):>16} "
        f"{result.row.evaluations:>11} {result.median_seconds:>10.4g} {result.times_naive:>8.2f} "
        f"{result.operations_per_s / 1e9:>9.1f} {of_peak:>8} {_megabytes(result.memory)} "
        + (f"{alike.correlation:>7.4f} {alike.dice:>6.3f}" if alike else f"{'-':>7} {'-':>6}")
    )


def _megabytes(count: int | None) -> str:
    return f"{'-':>9}" if count is None else f"{count / 1e6:>6.1f} MB"


def report_to_dict(result: BenchmarkResult) -> dict[str, Any]:
    """The JSON object: everything the table is made of, in seconds, bytes and operations."""
    subject, plan = result.subject, result.plan
    return {
        "schema": SCHEMA,
        "kind": "anofpdm benchmark",
        "version": __version__,
        "torch": torch.__version__,
        "device": {
            "name": result.device.name,
            "type": result.device.device.type,
            "processor": _processor(),
            "threads": torch.get_num_threads(),
        },
        "network": {
            "title": subject.title,
            "parameters": subject.parameters,
            "configuration": record_to_dict(subject.config.network),
        },
        "slices": len(subject.x0),
        "slices_show": subject.source,
        "plan": dataclasses.asdict(plan),
        "matrix_multiplication": {name: dataclasses.asdict(peak) for name, peak in result.peaks.items()},
        "naive_difference": result.naive_difference,
        "rows": [_row_to_dict(row, result) for row in result.rows],
        "parts": [dataclasses.asdict(part) for part in result.parts],
    }


def _row_to_dict(result: RowResult, report: BenchmarkResult) -> dict[str, Any]:
    row = result.row
    return {
        "name": row.name,
        "pattern": row.pattern,
        "operating_point": record_to_dict(row.point),
        "calibrated": row.calibrated,
        "timed_steps": row.timed.steps,
        "batch_size": result.batch_size,
        "evaluations": row.evaluations,
        "seconds_a_slice": result.median_seconds,
        "seconds_a_slice_by_round": list(result.seconds),
        "times_naive": result.times_naive,
        "operations_a_slice": result.operations,
        "operations_of_an_evaluation": dataclasses.asdict(report.costs[row.name]),
        "operations_per_s": result.operations_per_s,
        "share_of_matrix_multiplication": report.share_of_peak(result),
        "memory_bytes": result.memory,
        f"memory_bytes_{MEMORY_STEPS}_steps_{MEMORY_SLICES}_slices": result.memory_of_many,
        "agreement": None if result.agreement is None else dataclasses.asdict(result.agreement),
    }


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
