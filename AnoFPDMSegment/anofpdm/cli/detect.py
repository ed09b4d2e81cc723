"""`anofpdm detect`: volumes in; heatmap, segmentation, findings, evidence and pictures out."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

from ..detection import claimed_folder
from ..errors import OutputInUse, SettingsError
from ..presets import PRESETS
from ..progress import CancelToken
from ..results.findings_text import format_findings
from ..results.output_set import check_output_directory
from ..results.overlay import require_pillow
from ..selection.settings import SelectionSettings
from .case_runs import CaseRuns, result_details, untold_warnings
from .cases import Case, read_cases
from .interruption import cancellation
from .options import (
    add_overlay_option,
    add_process_options,
    add_selection_options,
    input_images,
    named_images,
    operating_point,
    output_folder,
    selection_settings,
)
from .reporting import Reporter, make_reporter


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "detect",
        help="find anomalies in a volume",
        description="Find anomalies in a brain MRI and write heatmap.nrrd, segmentation.seg.nrrd, findings.json, "
        "evidence.npz and overlay.png. Research use only, not for clinical diagnosis.",
    )
    parser.add_argument(
        "input",
        nargs="*",
        metavar="INPUT",
        help="a NIfTI, NRRD or MetaImage file or a DICOM folder; for a model with several modalities one "
        "NAME=PATH each, as in flair=a.nii.gz t2=b.nii.gz",
    )
    parser.add_argument(
        "--input",
        dest="named",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="in place of INPUT, whatever the path begins with; once for each modality",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--cases",
        metavar="CSV",
        help="many patients: a table with the column 'case' and one per modality; results go to DIR/case, finished "
        "cases are skipped when run again, and several runs may share a table: each case is computed by one of them",
    )
    parser.add_argument("--model", metavar="NAME", help="model by name or folder; see anofpdm models list")
    parser.add_argument(
        "--preset", metavar="NAME", help=f"{', '.join(PRESETS)}: steps and range that the model is calibrated for"
    )
    parser.add_argument("--calibration", metavar="NAME", help="calibration of the user (default: the model's own)")
    add_selection_options(parser)
    add_process_options(parser)
    run = parser.add_argument_group("run")
    run.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    run.add_argument("--seed", type=int, default=0, help="of the noise, where noise is used (default: 0)")
    run.add_argument(
        "--anonymous",
        action="store_true",
        help="keep the names of the examined files and folders, perhaps a patient's, out of the results and of scenes "
        "made from them; without it findings.json, evidence.npz and warnings carry them (never their paths). What the "
        "output folders are called is left to you",
    )
    run.add_argument("--batch-size", default="auto", metavar="N", help="slices a batch (default: auto)")
    add_overlay_option(run)
    run.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help="default: bar")
    run.add_argument("--watch-stdin", action="store_true", help="end the run when standard input ends")
    parser.set_defaults(run=run_detect)


def run_detect(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation(watch_stdin=options.watch_stdin) as cancel:
        options.reporter = make_reporter(options.progress)
        return _detect(options, options.reporter, cancel)


def _detect(options: argparse.Namespace, reporter: Reporter, cancel: CancelToken) -> int:
    # Cheap checks come first: importing torch takes seconds.
    settings = selection_settings(options)
    batch_size = _batch_size(options.batch_size)
    if sum(map(bool, (options.cases is not None, options.input, options.named))) > 1:
        raise SettingsError("Give either INPUT, --input or --cases, not several of them.")
    if options.cases is None and not (options.input or options.named):
        raise SettingsError("Name the volume to examine, or a table of patients with --cases.")
    output = output_folder(options.output)
    if options.cases is not None:
        cases = read_cases(Path(options.cases))
        _check_folder_of_table(output, overlay=options.overlay)
        return _prepared(options, settings, batch_size, reporter, cancel).detect_all(cases, output)
    images = named_images(options.named) if options.named else input_images(options.input)
    inputs = images.values() if isinstance(images, dict) else [images]
    with claimed_folder(output, inputs, overlay=options.overlay) as folder:
        runs = _prepared(options, settings, batch_size, reporter, cancel)
        findings = runs.detect(Case(output.name, images), folder)
    shown = {**findings, "warnings": untold_warnings(findings, runs.detector)}
    reporter.result(f"{format_findings(shown)}\nWritten to {output}.", result_details(findings, output))
    return 0


def _check_folder_of_table(output: Path, *, overlay: bool) -> None:
    """Several runs may work on one table: each of its cases is held by itself. Raises OutputError."""
    if overlay:
        require_pillow()
    with contextlib.suppress(OutputInUse):
        check_output_directory(output)


def _prepared(
    options: argparse.Namespace,
    settings: SelectionSettings,
    batch_size: int | None,
    reporter: Reporter,
    cancel: CancelToken,
) -> CaseRuns:
    """With the model loaded and everything checked that does not depend on the images."""
    cancel.raise_if_cancelled()
    from ..detector import Detector, DetectorOptions
    from ..ready_network import fastest_point
    from ..store.model_search import default_model_name, find_model
    from ..store.user_calibrations import calibrations_of, usual_point

    folder = find_model(options.model if options.model is not None else default_model_name())
    calibrations = calibrations_of(folder, options.calibration)
    point = operating_point(options, usual_point(folder, calibrations, options.preset))
    if options.precision is None:
        point = fastest_point(point, calibrations, folder.weights_sha256, options.device)
    run = DetectorOptions(seed=options.seed, batch_size=batch_size, anonymous=options.anonymous)
    cancel.raise_if_cancelled()
    detector = Detector.from_folder(
        folder, device=options.device, calibrations=calibrations, point=point, notice=reporter.notice
    )
    detector.check(settings)
    return CaseRuns(detector, settings, run, reporter, cancel, overlay=options.overlay)


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"--batch-size takes a whole number or auto, not '{text}'.") from None
