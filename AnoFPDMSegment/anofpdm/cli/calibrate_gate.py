"""`anofpdm calibrate-gate`: by what it is told whether a model knows an image, and how far a finding stands out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from ..core.reporting import Reporter, make_reporter
from .interruption import cancellation
from .options import named_images


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate-gate",
        help="teach a model's gate which images the model knows",
        description="Examine healthy heads rendered from label maps and volumes that the model was trained on, and "
        "keep what is usual in the model's calibration.json: what the gate holds images against, and what findings of "
        "healthy heads look like. For models of one FLAIR image. No mask is read.",
    )
    parser.add_argument("model", metavar="MODEL", help="model by name or folder")
    parser.add_argument("--maps", required=True, metavar="FOLDER", help="label maps, one head a file")
    parser.add_argument("--labels", required=True, metavar="TABLE", help="CSV table of the labels; see render --help")
    parser.add_argument(
        "--manifest",
        action="append",
        default=[],
        metavar="CSV",
        help="table of volumes that the model knows, of which the split 'train' is taken; may be given again",
    )
    parser.add_argument(
        "--other",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a volume of another sequence, t1=FILE or t2=FILE, beside those that are rendered; may be given again",
    )
    parser.add_argument("--heads", type=int, default=120, metavar="N", help="healthy heads (default: 120)")
    parser.add_argument("--other-heads", type=int, default=24, metavar="N", help="of T1 and T2 contrast (default: 24)")
    parser.add_argument("--seed", type=int, default=20, metavar="N", help="the same gives the same heads (default: 20)")
    parser.add_argument("--cache", metavar="DIR", help="keep what was found of every image, to go on from there")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    parser.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help="default: bar")
    parser.add_argument("--watch-stdin", action="store_true", help="end the run when standard input ends")
    parser.set_defaults(run=run_calibrate_gate)


def run_calibrate_gate(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation(watch_stdin=options.watch_stdin) as cancel:
        options.reporter = make_reporter(options.progress)
        reporter: Reporter = options.reporter
        if options.seed < 0:
            raise SettingsError(f"--seed must not be negative, as {options.seed} is.")
        from ..gate.calibrating import GateTask, calibrate_gate
        from ..store.model_search import find_model

        others = tuple((name, Path(path)) for text in options.other for name, path in named_images([text]).items())
        task = GateTask(
            find_model(options.model),
            Path(options.maps),
            Path(options.labels),
            tuple(map(Path, options.manifest)),
            others,
            options.heads,
            options.other_heads,
            options.seed,
            None if options.cache is None else Path(options.cache),
            options.device,
        )
        place = calibrate_gate(task, reporter, cancel)
        reporter.result(f"Written to {place}.", {"output": str(place)})
    return 0
