"""`anofpdm bench`: how fast the engine is on this machine, beside the public reference's pattern."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

from ..core.errors import SettingsError
from ..core.precision import Precision
from ..core.progress import CancelToken
from ..core.reporting import StepTeller, complain, say
from .interruption import cancellation
from .options import input_images


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "bench",
        help="measure the speed on this machine",
        description="Measure the engine side by side with the public reference's pattern of computing (four "
        "evaluations a step, every step stored, float32) on the same weights and drawn slices: evaluations and seconds "
        "a slice, the share of this device's rate of matrix multiplication, memory, and how much alike the maps are.",
    )
    subject = parser.add_mutually_exclusive_group()
    subject.add_argument("model", nargs="?", metavar="MODEL", help="model by name or folder (default: as for detect)")
    subject.add_argument(
        "--network",
        metavar="SIZE",
        help="random weights instead of a model: 'brats21' (the paper's network), 'compact', another training "
        "configuration, or 'tiny'",
    )
    parser.add_argument(
        "-i",
        "--input",
        nargs="+",
        metavar="INPUT",
        help="slices of this volume, as for detect, instead of drawn ones (with a MODEL)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    parser.add_argument("--precision", choices=get_args(Precision), help="of the shipped rows (default: by device)")
    parser.add_argument("--slices", type=int, metavar="N", help="how many slices (default: 8)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="slices a batch of the engine (default: auto)")
    parser.add_argument(
        "--timed-steps", type=int, metavar="N", help="most steps timed; longer rows are scaled (default: 20)"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each row is timed (default: 3)")
    parser.add_argument(
        "--agreement-slices", type=int, metavar="N", help="slices whose maps are compared; 0: none (default: 4)"
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="wall",
        help="processor: this process's time alone, all threads together, for a CPU that is not idle (default: wall)",
    )
    parser.add_argument("--parts", action="store_true", help="also measure what each part of the engine gains")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--quick", action="store_true", help="the least of everything, to try the command")
    parser.set_defaults(run=run_bench)


def run_bench(options: argparse.Namespace) -> int:
    """Run the command."""
    for name, least in (("slices", 1), ("batch_size", 1), ("timed_steps", 4), ("rounds", 1), ("agreement_slices", 0)):
        value = getattr(options, name)
        if value is not None and not least <= value <= 100_000:
            raise SettingsError(f"--{name.replace('_', '-')} must be at least {least}, not {value}.")
    if options.json == "":
        raise SettingsError("--json is empty; name a file for the figures.")
    with cancellation() as cancel:
        return _bench(options, cancel)


def _bench(options: argparse.Namespace, cancel: CancelToken) -> int:
    from ..core.device import choose_device, fastest_precision
    from ..core.output_set import check_output_directory, write_files
    from ..methods.anofpdm.benchmark.report import format_report, report_to_dict
    from ..methods.anofpdm.benchmark.rows import benchmark_rows
    from ..methods.anofpdm.benchmark.run import Benchmark, BenchmarkPlan

    target = None if options.json is None else Path(options.json)
    if target is not None:
        check_output_directory(target.parent)
    device = choose_device(options.device)
    if options.clock == "processor" and device.device.type != "cpu":
        raise SettingsError(f"--clock processor is for the CPU; on {device.name} only --clock wall tells the time.")
    plan = _plan(options, BenchmarkPlan.quick() if options.quick else BenchmarkPlan())
    subject = _subject(options)
    shipped: Precision = options.precision or fastest_precision(device.device)
    rows = benchmark_rows(
        subject.calibrations,
        shipped,
        reference_steps=plan.reference_steps,
        timed_steps=options.timed_steps or (4 if options.quick else 20),
    )
    teller = StepTeller(quiet=options.quiet)
    try:
        result = Benchmark(subject, device, plan, tell=teller.tell, cancel=cancel).run(rows)
    finally:
        teller.close()
    cancel.raise_if_cancelled()
    if device.warning:
        complain(device.warning)
    if target is not None:
        text = json.dumps(report_to_dict(result), indent=1) + "\n"
        write_files(target.parent, {target.name: text.encode("utf-8")})
    say(format_report(result))
    return 0


def _plan(options: argparse.Namespace, plan: Any) -> Any:
    given = {
        name: getattr(options, name)
        for name in ("rounds", "batch_size", "agreement_slices")
        if getattr(options, name) is not None
    }
    given["agreement_slices"] = min(given.get("agreement_slices", plan.agreement_slices), _slices(options))
    return dataclasses.replace(plan, clock=options.clock, parts=options.parts, **given)


def _slices(options: argparse.Namespace) -> int:
    return int(options.slices or (2 if options.quick else 8))


def _subject(options: argparse.Namespace) -> Any:
    from ..methods.anofpdm.benchmark.subject import TINY, model_subject, random_subject
    from ..methods.anofpdm.user_calibrations import calibrations_of
    from ..methods.registry import FIRST_METHOD
    from ..store.model_search import find_model, model_of_method

    name = options.network or (TINY if options.quick and options.model is None else None)
    if name is not None:
        if options.input is not None:
            raise SettingsError("--input needs a MODEL, whose configuration says how a volume is prepared.")
        return random_subject(name, _slices(options))
    folder = find_model(options.model if options.model is not None else model_of_method(FIRST_METHOD))
    images = None if options.input is None else input_images(options.input)
    return model_subject(folder, calibrations_of(folder), _slices(options), images)
