"""`anofpdm calibrate`: a model's thresholds, from image-level labels, as its method finds them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from ..core.progress import CancelToken
from ..core.reporting import Reporter, make_reporter
from ..datasets.manifest import Split
from ..methods.calibrating import CalibrationTask
from ..methods.method import Method
from ..methods.registry import find_method, methods
from ..store.model_search import find_model
from .interruption import cancellation
from .options import Owner, add_owned, values_of

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate",
        help="calibrate a model on labelled slices",
        description="Find a model's thresholds, and what else its method takes from them, from image-level labels "
        "alone, and write them into the model's folder, or with --name among the user's calibrations, which leaves "
        "the model as it is.",
    )
    parser.add_argument(
        "first", nargs="?", metavar="MODEL", help="model by name or folder; its own calibration is replaced"
    )
    parser.add_argument("second", nargs="?", metavar="MANIFEST", help="CSV table of slices with image-level labels")
    parser.add_argument("--model", metavar="MODEL", help="the same, whatever it begins with")
    parser.add_argument("--manifest", metavar="MANIFEST", help="the same, whatever it begins with")
    parser.add_argument("--split", choices=SPLITS, default="val", help="which slices (default: val)")
    parser.add_argument("--name", metavar="NAME", help="keep the calibration under this name, for detect --calibration")
    parser.add_argument("--replace", action="store_true", help="replace the one of that name")
    parser.add_argument("--cache", metavar="DIR", help="folder of the prepared slices (default: a temporary one)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    parser.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help="default: bar")
    parser.add_argument("--watch-stdin", action="store_true", help="end the run when standard input ends")
    add_owned(parser, _owners(), "models of the method")
    parser.set_defaults(run=run_calibrate)


def run_calibrate(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation(watch_stdin=options.watch_stdin) as cancel:
        options.reporter = make_reporter(options.progress)
        return _calibrate(options, options.reporter, cancel)


def _calibrate(options: argparse.Namespace, reporter: Reporter, cancel: CancelToken) -> int:
    model, table = _data(options)
    if options.replace and options.name is None:
        raise SettingsError("--replace goes with --name; the model's own calibration is always replaced.")
    folder = find_model(model)
    method = find_method(folder.config.method)
    task = CalibrationTask(
        folder,
        table,
        reporter,
        cancel,
        split=options.split,
        name=options.name,
        replace=options.replace,
        cache=None if options.cache is None else Path(options.cache),
        device=options.device,
        values=values_of(options, _owner(method), _owners()),
    )
    place = method.calibrate(task)
    reporter.result(f"Written to {place}.", {"output": str(place)})
    return 0


def _data(options: argparse.Namespace) -> tuple[str, Path]:
    """Model and manifest. Raises SettingsError unless each is given once."""
    given = [text for text in (options.first, options.second) if text is not None]
    model = options.model if options.model is not None else given.pop(0) if given else None
    manifest = options.manifest if options.manifest is not None else given.pop(0) if given else None
    if model is None or manifest is None or given:
        raise SettingsError("Name one model and one manifest: anofpdm calibrate MODEL MANIFEST.")
    return model, Path(manifest)


def _owner(method: Method) -> Owner:
    return Owner(method.name, method.name, method.calibration_knobs)


def _owners() -> list[Owner]:
    return [_owner(method) for method in methods().values()]
