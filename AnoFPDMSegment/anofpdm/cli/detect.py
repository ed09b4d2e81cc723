"""`anofpdm detect`: volumes in; heatmap, segmentation, findings, evidence and pictures out."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.errors import WITHHELD, OutputInUse, SettingsError
from ..core.output_set import check_output_directory
from ..core.progress import CancelToken
from ..core.reporting import Reporter, make_reporter
from ..detect.case_runs import CaseRuns, result_details, untold_warnings
from ..detect.cases import Case, check_columns, read_cases
from ..methods.registry import find_method
from ..results.detection import claimed_folder
from ..results.findings_text import format_findings
from ..results.overlay import require_pillow
from ..store.model_search import default_model_name, model_of_method
from .help_all import add_help_all
from .interruption import cancellation
from .options import (
    KnobGroup,
    add_force_option,
    add_knobs,
    add_overlay_option,
    check_knobs,
    given_knobs,
    input_images,
    option_images,
    output_folder,
)

SHOWN = (
    *("input", "named", "output", "cases", "model", "method", "preset", "calibration", "device", "force"),
    *("anonymous", "overlay", "quiet", "verbose", "log_file"),
)
"""What `--help` shows; `--help-all` shows all."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "detect",
        help="find anomalies in a volume",
        description="Find anomalies in a brain MRI and write heatmap.nrrd, segmentation.seg.nrrd, findings.json, "
        "evidence.npz and overlay.png. Research use only, not for clinical diagnosis.",
        epilog="Every option, those of the methods among them: --help-all.",
    )
    parser.add_argument(
        "input",
        nargs="*",
        metavar="INPUT",
        help="a NIfTI, NRRD or MetaImage file or a DICOM folder; for a model with several modalities one "
        "NAME=PATH each, as in flair=a.nii.gz t2=b.nii.gz",
    )
    parser.add_argument(
        "-i",
        "--input",
        dest="named",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="in place of INPUT, whatever the path begins with; once for each modality; or one PATH",
    )
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--cases",
        metavar="CSV",
        help="many patients: a table with the column 'case' and one per modality; results go to DIR/case, finished "
        "cases are skipped when run again, and several runs may share a table: each case is computed by one of them",
    )
    add_detection_options(parser)
    add_help_all(parser, SHOWN, "%(prog)s [OPTION ...] --output DIR INPUT [INPUT ...]")
    parser.set_defaults(run=run_detect)


def add_detection_options(parser: argparse.ArgumentParser) -> None:
    """How volumes are examined: model, method, every method's own options, device and progress."""
    parser.add_argument("--model", metavar="NAME", help="model by name or folder; see anofpdm models list")
    parser.add_argument("--method", metavar="NAME", help="in place of --model: the method, whose model is taken")
    parser.add_argument(
        "--preset", metavar="NAME", help="a way to run it that the model is calibrated for; see anofpdm models info"
    )
    parser.add_argument("--calibration", metavar="NAME", help="calibration of the user (default: the model's own)")
    add_knobs(
        parser,
        KnobGroup(
            True,
            "selection (as calibrated where left out; can be changed later with adjust)",
            "Options that take a value also take 'calibrated'.",
        ),
        KnobGroup(False, "forward process (the model's own where left out)"),
    )
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
    add_force_option(run)
    run.add_argument("--batch-size", default="auto", metavar="N", help="slices a batch (default: auto)")
    add_overlay_option(run)
    run.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help="default: bar")
    run.add_argument("--watch-stdin", action="store_true", help="end the run when standard input ends")


def run_detect(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation(watch_stdin=options.watch_stdin) as cancel:
        options.reporter = make_reporter(options.progress)
        return _detect(options, options.reporter, cancel)


def _detect(options: argparse.Namespace, reporter: Reporter, cancel: CancelToken) -> int:
    # Cheap checks come first: importing torch takes seconds.
    check_knobs(options)
    batch_size = given_batch_size(options.batch_size)
    if sum(map(bool, (options.cases is not None, options.input, options.named))) > 1:
        raise SettingsError("Give either INPUT, --input or --cases, not several of them.")
    if options.cases is None and not (options.input or options.named):
        raise SettingsError("Name the volume to examine, or a table of patients with --cases.")
    output = output_folder(options.output)
    if options.cases is not None:
        cases = read_cases(Path(options.cases))
        _check_folder_of_table(output, overlay=options.overlay)
        return prepared_runs(options, batch_size, reporter, cancel, cases).detect_all(cases, output)
    images = option_images(options.named) if options.named else input_images(options.input)
    inputs = images.values() if isinstance(images, dict) else [images]
    with claimed_folder(output, inputs, overlay=options.overlay) as folder:
        runs = prepared_runs(options, batch_size, reporter, cancel)
        findings = runs.detect(Case(output.name, images), folder)
    shown = {**findings, "warnings": untold_warnings(findings, runs.detector)}
    reporter.result(f"{format_findings(shown)}\nWritten to {output}.", result_details(findings, output))
    return WITHHELD if findings["withheld"] else 0


def _check_folder_of_table(output: Path, *, overlay: bool) -> None:
    """Several runs may work on one table: each of its cases is held by itself. Raises OutputError."""
    if overlay:
        require_pillow()
    with contextlib.suppress(OutputInUse):
        check_output_directory(output)


def prepared_runs(
    options: argparse.Namespace,
    batch_size: int | None,
    reporter: Reporter,
    cancel: CancelToken,
    cases: Sequence[Case] = (),
) -> CaseRuns:
    """With the model loaded and everything checked that does not depend on the images. `cases`: those of a table."""
    cancel.raise_if_cancelled()
    from ..detect.detector import Detector, DetectorOptions
    from ..store.model_search import find_model

    folder = find_model(_model(options))
    if cases:
        check_columns(options.cases, cases, folder.config)
    method = find_method(folder.config.method)
    settings = method.overlaid(method.settings_type(), given_knobs(options, method, live=True))
    run = DetectorOptions(seed=options.seed, batch_size=batch_size, anonymous=options.anonymous, forced=options.force)
    cancel.raise_if_cancelled()
    detector = Detector.from_folder(
        folder,
        device=options.device,
        calibration=options.calibration,
        preset=options.preset,
        run=given_knobs(options, method, live=False),
        notice=reporter.notice,
    )
    detector.check(settings)
    return CaseRuns(detector, settings, run, reporter, cancel, overlay=options.overlay)


def _model(options: argparse.Namespace) -> str:
    if options.method is None:
        return default_model_name() if options.model is None else str(options.model)
    if options.model is not None:
        raise SettingsError("Give either --model or --method: a model has its method.")
    return model_of_method(find_method(options.method).name)


def given_batch_size(text: str) -> int | None:
    """That of --batch-size; None for auto. Raises SettingsError."""
    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"--batch-size takes a whole number or auto, not '{text}'.") from None
