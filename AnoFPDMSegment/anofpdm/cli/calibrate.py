"""`anofpdm calibrate`: thresholds, scaling and guidance strength of a model, from image-level labels."""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..calibration import Calibration, calibrations_to_json
from ..configuration import ModelConfig
from ..datasets.manifest import Split, read_manifest
from ..errors import SettingsError
from ..progress import CancelToken, PassesClock
from ..results.output_set import check_output_directory
from ..store.model_folder import write_calibration, write_config
from ..store.model_search import find_model
from .interruption import cancellation
from .options import numbers
from .reporting import Reporter, make_reporter

if TYPE_CHECKING:
    from ..datasets.slice_cache import SliceCache

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate",
        help="calibrate a model on labelled slices",
        description="Find guidance strength, thresholds and dataset-calibrated scaling from image-level labels alone, "
        "over a few ranges of the forward process, and write them into the model's folder.",
    )
    parser.add_argument("model", metavar="MODEL", help="model by name or folder; its calibration is replaced")
    parser.add_argument("manifest", metavar="MANIFEST", help="CSV table of slices with image-level labels")
    parser.add_argument("--split", choices=SPLITS, default="val", help="which slices (default: val)")
    parser.add_argument(
        "--presets", default="balanced=12,fast=5", metavar="NAME=STEPS,...", help="default: %(default)s"
    )
    parser.add_argument("--ranges", metavar="A..B,...", help="ranges compared (default: 1..200 to 1..600)")
    parser.add_argument("--guidance", metavar="W,W,...", help="guidance strengths tabulated")
    parser.add_argument("--cache", metavar="DIR", help="folder of the prepared slices (default: a temporary one)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    parser.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help="default: bar")
    parser.add_argument("--watch-stdin", action="store_true", help="end the run when standard input ends")
    parser.set_defaults(run=run_calibrate)


def run_calibrate(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation(watch_stdin=options.watch_stdin) as cancel:
        options.reporter = make_reporter(options.progress)
        return _calibrate(options, options.reporter, cancel)


def _calibrate(options: argparse.Namespace, reporter: Reporter, cancel: CancelToken) -> int:
    folder = find_model(options.model)
    # Before the long run: whether its outcome could be written.
    check_output_directory(folder.path)
    plan = _plan(options)
    manifest = read_manifest(Path(options.manifest), folder.config.modalities, both_labels_in=(options.split,))
    cancel.raise_if_cancelled()
    from ..calibration_run import CalibrationRun
    from ..datasets.build_slice_cache import build_slice_cache
    from ..ready_network import ready_predictor

    with tempfile.TemporaryDirectory(prefix="anofpdm-") as temporary:
        place = Path(options.cache) if options.cache is not None else Path(temporary) / "slices"
        reporter.stage("preparing")
        cache: SliceCache = build_slice_cache(
            dataclasses.replace(manifest, rows=manifest.of_split(options.split).rows)
            if not options.cache
            else manifest,
            folder.config,
            place,
            cancel=cancel,
        )
        predictor, device = ready_predictor(folder, options.device)
        run = CalibrationRun(
            folder,
            cache,
            predictor,
            device,
            splits=(options.split,),
            source=f"{Path(options.manifest).name}, split {options.split}",
            notice=reporter.notice,
            on_progress=PassesClock(plan.costs, reporter.progress).report,
            cancel=cancel,
        )
        reporter.stage("calibrating")
        found = run.run(plan, lambda calibration: reporter.partial(_line(calibration)))
    cancel.raise_if_cancelled()
    reporter.stage("writing")
    config: ModelConfig = dataclasses.replace(folder.config, operating_point=found[0].operating_point)
    write_calibration(write_config(folder, config), calibrations_to_json(found))
    reporter.result(f"Written to {folder.path}.", {"output": str(folder.path)})
    return 0


def _plan(options: argparse.Namespace) -> Any:
    from ..calibration_run import CalibrationPlan

    plan = CalibrationPlan(presets=tuple(_preset(text) for text in options.presets.split(",")))
    if options.ranges is not None:
        plan = dataclasses.replace(plan, ranges=tuple(_range(text) for text in options.ranges.split(",")))
    if options.guidance is not None:
        plan = dataclasses.replace(plan, guidance=tuple(sorted(numbers(options.guidance, "--guidance"))))
    return plan


def _preset(text: str) -> tuple[str, int]:
    name, _, steps = text.partition("=")
    if not name or not steps.isdecimal() or int(steps) < 2:
        raise SettingsError(f"--presets takes entries such as balanced=12, not '{text}'.")
    return name, int(steps)


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("..")
    if not (first.isdecimal() and last.isdecimal()) or int(first) >= int(last):
        raise SettingsError(f"--ranges takes ranges such as 1..400, not '{text}'.")
    return int(first), int(last)


def _line(calibration: Calibration) -> str:
    point = calibration.operating_point
    row = calibration.guidance.index(calibration.default_guidance)
    return (
        f"{calibration.name:>10}  {point.steps:>3} of {point.first}..{point.last:<5} {calibration.decision:<10} "
        f"accuracy {calibration.accuracy[row]:.4f}  AUROC {calibration.auroc[row]:.4f}  "
        f"guidance {calibration.default_guidance:g}  healthy level {calibration.healthy_level:g}"
    )
