"""`anofpdm train`: every method's training, stage by stage; given again, a run continues."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from ..core.progress import CancelToken
from ..core.reporting import make_reporter, say
from ..methods.method import Method
from ..methods.registry import FIRST_METHOD, find_method, methods
from ..methods.training import Stage, TrainingTask, stage_of, stage_of_purpose
from .interruption import cancellation
from .options import Owner, add_owned, values_of


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a method's model",
        description="Train a model of a method, most of them on slices labelled healthy or unhealthy; given again, a "
        "run continues. Networks need the extra 'train', except the student's.",
        epilog="Methods and their stages, the usual one first: " + "; ".join(_about(method) for method in _trained()),
    )
    parser.add_argument("manifest", metavar="MANIFEST", help="CSV table of slices with image-level labels")
    parser.add_argument("--method", metavar="NAME", help=f"what to train (default: {FIRST_METHOD}); see below")
    parser.add_argument("--stage", metavar="STAGE", help="of the method's training (default: its first)")
    parser.add_argument(
        "--purpose", metavar="PURPOSE", help="in place of --method and --stage, the spelling of version 0.1"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder of the run; given again, it continues"
    )
    parser.add_argument("--start-from", metavar="MODEL", help="model to fine-tune (default: random weights)")
    parser.add_argument("--cache", metavar="DIR", help="folder of the cached slices (default: DIR/slices)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes to prepare slices (default: 1)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads (default: all)")
    add_owned(parser, _owners(), "with --method")
    parser.set_defaults(run=run_train)


def run_train(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation() as cancel:
        return train(options, cancel)


def train(options: argparse.Namespace, cancel: CancelToken) -> int:
    """Run the command until `cancel` is set. Raises what the stage's fitter raises."""
    for name in ("workers", "threads"):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= 1024:
            raise SettingsError(f"--{name} takes a number from 1 to 1024, not {value}.")
    if not options.output.strip():
        raise SettingsError("--output is empty; name a folder for the run.")
    method, stage = _what(options)
    reporter = make_reporter("none" if options.quiet else "bar")
    task = TrainingTask(
        data=Path(options.manifest),
        output=Path(options.output),
        start_from=options.start_from,
        cache=None if options.cache is None else Path(options.cache),
        device=options.device,
        workers=options.workers,
        threads=options.threads,
        values=values_of(options, _owner(method, stage), _owners()),
        cancel=cancel,
        message=say,
        progress=reporter.progress,
    )
    outcome = stage.fit(task)
    if outcome:
        say(outcome)
    return 0


def _what(options: argparse.Namespace) -> tuple[Method, Stage]:
    if options.purpose is None:
        method = find_method(options.method or FIRST_METHOD)
        return method, stage_of(method, options.stage)
    method, stage = stage_of_purpose(list(methods().values()), options.purpose)
    if options.method not in (None, method.name) or options.stage not in (None, stage.name):
        raise SettingsError(
            f"--purpose {options.purpose} stands for --method {method.name} --stage {stage.name}; leave --purpose out."
        )
    return method, stage


def _trained() -> list[Method]:
    return [method for method in methods().values() if method.stages]


def _about(method: Method) -> str:
    return f"{method.name}: " + ", ".join(f"{stage.name} ({stage.help})" for stage in method.stages)


def _owner(method: Method, stage: Stage) -> Owner:
    name = method.name if len(method.stages) == 1 else f"{method.name} (stage {stage.name})"
    return Owner(name, method.name, stage.knobs)


def _owners() -> list[Owner]:
    return [_owner(method, stage) for method in _trained() for stage in method.stages]
