"""`anofpdm calibrate`: thresholds, scaling and guidance strength of a model, from image-level labels."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ..core.errors import SettingsError
from ..core.output_set import check_output_directory
from ..core.private_folder import PrivateFolder
from ..core.progress import CancelToken, PassesClock
from ..core.reporting import Reporter, make_reporter
from ..datasets.manifest import Split, read_manifest
from ..methods.anofpdm.calibration import Calibration, calibrations_to_json, short_point
from ..methods.anofpdm.model_config import diffusion_config
from ..methods.anofpdm.operating_point import Direction
from ..methods.anofpdm.presets import default_calibration, parse_presets
from ..methods.anofpdm.user_calibrations import check_can_store, store_user_calibrations
from ..methods.knobs import numbers
from ..store.model_folder import write_calibration
from ..store.model_search import find_model
from .interruption import cancellation

if TYPE_CHECKING:
    from ..datasets.slice_cache import SliceCache
    from ..methods.anofpdm.calibration_run import CalibrationOutcome

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calibrate",
        help="calibrate a model on labelled slices",
        description="Find guidance strength, thresholds and dataset-calibrated scaling from image-level labels alone, "
        "over a few ranges of the forward process, and write them into the model's folder, or with --name among the "
        "user's calibrations, which leaves the model as it is.",
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
    parser.add_argument(
        "--presets",
        default="fast,balanced",
        metavar="NAME,...",
        help="balanced (8 steps, mirrored slices too), fast (5 steps), paper (600 of 1..600: slow), or NAME=STEPS; "
        "the first compares the ranges (default: %(default)s)",
    )
    parser.add_argument("--ranges", metavar="A..B,...", help="ranges compared (default: 1..200 to 1..600)")
    parser.add_argument(
        "--mirrored",
        action=argparse.BooleanOptionalAction,
        help="average predictions with those of the mirrored slice (default: as each preset says)",
    )
    parser.add_argument(
        "--direction",
        choices=get_args(Direction),
        help="what counts, compared with the healthy prediction (default: the model's)",
    )
    parser.add_argument("--guidance", metavar="W,W,...", help="guidance strengths tabulated")
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "both"),
        help="of the network (default: the model's own, and the one that the device computes fastest in)",
    )
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
    model, table = _data(options)
    plan = _plan(options)
    if options.replace and options.name is None:
        raise SettingsError("--replace goes with --name; the model's own calibration is always replaced.")
    folder = find_model(model)
    config = diffusion_config(folder)
    plan.check(config)
    # Before the long run: whether its outcome could be written.
    if options.name is None:
        check_output_directory(folder.path)
    else:
        check_can_store(folder.weights_sha256, options.name, replace=options.replace)
    manifest = read_manifest(table, folder.config.modalities, both_labels_in=(options.split,))
    cancel.raise_if_cancelled()
    from ..core.device import fastest_precision
    from ..datasets.build_slice_cache import build_slice_cache
    from ..methods.anofpdm.calibration_run import CalibrationRun
    from ..methods.anofpdm.ready_network import ready_predictor

    with PrivateFolder() as temporary:
        place = Path(options.cache) if options.cache is not None else temporary.path / "slices"
        reporter.stage("preparing")
        cache: SliceCache = build_slice_cache(
            dataclasses.replace(manifest, rows=manifest.of_split(options.split).rows)
            if not options.cache
            else manifest,
            folder.config,
            place,
            cancel=cancel,
        )
        own = config.operating_point
        exact = dataclasses.replace(config, operating_point=dataclasses.replace(own, precision="float32"))
        predictor, device = ready_predictor(folder, options.device, exact)
        if options.precision is None:
            fastest = fastest_precision(device.device)
            plan = dataclasses.replace(plan, further_precision=None if fastest == own.precision else fastest)
        run = CalibrationRun(
            folder,
            cache,
            predictor,
            device,
            splits=(options.split,),
            source=f"{table.name}, split {options.split}",
            notice=reporter.notice,
            on_progress=PassesClock(plan.costs, reporter.progress).report,
            cancel=cancel,
        )
        reporter.stage("calibrating")
        reporter.partial(HEADER)
        found = run.run(plan, lambda calibration: reporter.partial(_line(calibration)))
    cancel.raise_if_cancelled()
    reporter.stage("writing")
    plot = _plot(found, reporter)
    if options.name is None:
        default = default_calibration(found.presets)
        config = dataclasses.replace(config, operating_point=default.operating_point)
        place = write_calibration(folder, calibrations_to_json(found.presets), config=config, plot=plot).path
    else:
        place = store_user_calibrations(found.presets, options.name, replace=options.replace, plot=plot)
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


def _plot(found: CalibrationOutcome, reporter: Reporter) -> bytes | None:
    """The picture beside the table, which is no part of the result: without Pillow there is none."""
    from ..methods.anofpdm.calibration_plot import calibration_plot

    try:
        # In the further precision the curves are the same to the eye.
        first = found.presets[0].operating_point.precision
        presets = [calibration for calibration in found.presets if calibration.operating_point.precision == first]
        return calibration_plot(presets, found.ranges)
    except ImportError:
        reporter.notice("No plot was drawn: it needs Pillow ('pip install Pillow').")
        return None


def _plan(options: argparse.Namespace) -> Any:
    from ..methods.anofpdm.calibration_run import CalibrationPlan

    plan = CalibrationPlan(presets=parse_presets(options.presets))
    plan = dataclasses.replace(plan, mirrored=options.mirrored, direction=options.direction)
    if options.ranges is not None:
        ranges = tuple(dict.fromkeys(_range(text) for text in options.ranges.split(",")))
        plan = dataclasses.replace(plan, ranges=ranges)
    if options.precision == "both":
        plan = dataclasses.replace(plan, precision="float32", further_precision="bfloat16")
    elif options.precision is not None:
        plan = dataclasses.replace(plan, precision=options.precision)
    if options.guidance is not None:
        guidance = tuple(sorted(set(numbers(options.guidance, "--guidance"))))
        if not 0 <= guidance[0] <= guidance[-1] <= 1000:
            raise SettingsError(f"--guidance takes strengths between 0 and 1000, not '{options.guidance}'.")
        plan = dataclasses.replace(plan, guidance=guidance)
    return plan


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("..")
    if not (first.isdecimal() and last.isdecimal()) or int(first) >= int(last):
        raise SettingsError(f"--ranges takes ranges such as 1..400, not '{text}'.")
    return int(first), int(last)


HEADER = (
    f"{'preset':>15}  {'steps':>16}  decision    accuracy  AUROC       w  pixel threshold, region, maps       shown"
)


def _line(calibration: Calibration) -> str:
    """A row below HEADER; accuracies and AUROC are image-level, the last one of showing anything at all."""
    point = calibration.operating_point
    row = calibration.guidance.index(calibration.default_guidance)
    level = f" {calibration.healthy_level:g}" if calibration.threshold == "healthy" else ""
    rule = f"{calibration.threshold}{level}, {calibration.region}, {calibration.consistency}"
    w = calibration.default_guidance
    name = calibration.name if point.precision == "float32" else f"{calibration.name}, bf16"
    return (
        f"{name:>15}  {short_point(point):>16}  {calibration.decision:<10}  {calibration.accuracy[row]:8.4f}  "
        f"{calibration.default_auroc:.4f}  {w:>4g}  {rule:<32}  {calibration.shown_accuracy:.4f}"
    )
