"""`anofpdm calibrate` for a model of AnoFPDM: thresholds, scaling and guidance strength. Torch-free to import."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ...core.errors import SettingsError
from ...core.progress import PassesClock
from ...core.reporting import Reporter
from ...store.model_folder import write_calibration
from ..calibrating import CalibrationTask
from ..knobs import Knob, Switch, numbers
from .calibration import Calibration, calibrations_to_json, short_point
from .model_config import diffusion_config
from .operating_point import Direction
from .presets import Preset, default_calibration, parse_presets
from .user_calibrations import store_user_calibrations

if TYPE_CHECKING:
    from .calibration_run import CalibrationOutcome, CalibrationPlan

DEFAULT_PRESETS = "fast,balanced"


def _presets(text: str, option: str) -> tuple[Preset, ...]:
    return parse_presets(text)


def _ranges(text: str, option: str) -> tuple[tuple[int, int], ...]:
    return tuple(dict.fromkeys(_range(part) for part in text.split(",")))


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("..")
    if not (first.isdecimal() and last.isdecimal()) or int(first) >= int(last):
        raise SettingsError(f"--ranges takes ranges such as 1..400, not '{text}'.")
    return int(first), int(last)


def _guidance(text: str, option: str) -> tuple[float, ...]:
    guidance = tuple(sorted(set(numbers(text, option))))
    if not 0 <= guidance[0] <= guidance[-1] <= 1000:
        raise SettingsError(f"{option} takes strengths between 0 and 1000, not '{text}'.")
    return guidance


CALIBRATION_KNOBS = (
    Knob(
        "presets",
        "balanced (8 steps, mirrored slices too), fast (5 steps), paper (600 of 1..600: slow), or NAME=STEPS; "
        f"the first compares the ranges (default: {DEFAULT_PRESETS})",
        live=False,
        metavar="NAME,...",
        read=_presets,
    ),
    Knob("ranges", "ranges compared (default: 1..200 to 1..600)", live=False, metavar="A..B,...", read=_ranges),
    Knob(
        "mirrored",
        "",
        live=False,
        switches=(
            Switch(
                "mirrored",
                True,
                "average predictions with those of the mirrored slice (default: as each preset says)",
            ),
            Switch("no-mirrored", False, "do not"),
        ),
    ),
    Knob(
        "direction",
        "what counts, compared with the healthy prediction (default: the model's)",
        live=False,
        choices=get_args(Direction),
    ),
    Knob("guidance", "guidance strengths tabulated", live=False, metavar="W,W,...", read=_guidance),
    Knob(
        "precision",
        "of the network (default: the model's own, and the one that the device computes fastest in)",
        live=False,
        choices=("float32", "bfloat16", "both"),
    ),
)


def calibrate_model(task: CalibrationTask) -> Path:
    """See `Method.calibrate`."""
    folder, reporter = task.folder, task.reporter
    plan = _plan(task.values)
    config = diffusion_config(folder)
    plan.check(config)
    task.check_place()
    manifest = task.manifest()
    from ...core.device import fastest_precision
    from .calibration_run import CalibrationRun
    from .ready_network import ready_predictor

    with task.slices(manifest) as cache:
        own = config.operating_point
        exact = dataclasses.replace(config, operating_point=dataclasses.replace(own, precision="float32"))
        predictor, device = ready_predictor(folder, task.device, exact)
        if "precision" not in task.values:
            fastest = fastest_precision(device.device)
            plan = dataclasses.replace(plan, further_precision=None if fastest == own.precision else fastest)
        run = CalibrationRun(
            folder,
            cache,
            predictor,
            device,
            splits=(task.split,),
            source=task.source,
            notice=reporter.notice,
            on_progress=PassesClock(plan.costs, reporter.progress).report,
            cancel=task.cancel,
        )
        reporter.stage("calibrating")
        reporter.partial(HEADER)
        found = run.run(plan, lambda calibration: reporter.partial(_line(calibration)))
    task.cancel.raise_if_cancelled()
    reporter.stage("writing")
    plot = _plot(found, reporter)
    if task.name is not None:
        return store_user_calibrations(found.presets, task.name, replace=task.replace, plot=plot)
    default = default_calibration(found.presets)
    config = dataclasses.replace(config, operating_point=default.operating_point)
    return write_calibration(folder, calibrations_to_json(found.presets), config=config, plot=plot).path


def _plan(values: Any) -> CalibrationPlan:
    from .calibration_run import CalibrationPlan

    plan = CalibrationPlan(presets=values.get("presets", parse_presets(DEFAULT_PRESETS)))
    taken = {name: values[name] for name in ("ranges", "mirrored", "direction", "guidance") if name in values}
    precision = values.get("precision")
    if precision == "both":
        taken |= {"precision": "float32", "further_precision": "bfloat16"}
    elif precision is not None:
        taken |= {"precision": precision}
    return dataclasses.replace(plan, **taken)


def _plot(found: CalibrationOutcome, reporter: Reporter) -> bytes | None:
    """The picture beside the table, which is no part of the result: without Pillow there is none."""
    from .calibration_plot import calibration_plot

    try:
        # In the further precision the curves are the same to the eye.
        first = found.presets[0].operating_point.precision
        presets = [calibration for calibration in found.presets if calibration.operating_point.precision == first]
        return calibration_plot(presets, found.ranges)
    except ImportError:
        reporter.notice("No plot was drawn: it needs Pillow ('pip install Pillow').")
        return None


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
