"""`anofpdm follow`: two examinations of one patient in; what is new, grown, unchanged, shrunk or gone out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import EvidenceError, InputError, SettingsError
from ..core.output_set import recover
from ..core.progress import CancelToken, Progress
from ..core.reporting import Reporter, make_reporter
from ..followup.files import FILES
from ..results.case_storage import EVIDENCE_FILE
from ..results.detection import claimed_folder
from .detect import add_detection_options, given_batch_size, prepared_runs
from .help_all import add_help_all
from .interruption import cancellation
from .options import check_knobs, is_knob, named_images, output_folder

if TYPE_CHECKING:
    from ..detect.case_runs import CaseRuns
    from ..results.detection import Detection

SHOWN = (
    "baseline", "later", "output", "model", "method", "preset", "calibration", "device", "force", "anonymous",
    "overlay",
)  # fmt: skip
"""What `--help` shows; `--help-all` shows all."""
_OF_DETECTION = ("model", "method", "preset", "calibration")

Images = str | Mapping[str, str]


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "follow",
        help="compare two examinations of one patient",
        description="Examine two volumes of one patient, lay the later one over the baseline, and write what is new, "
        "grown, unchanged, shrunk or gone: follow-up.json, changes.csv, changes.seg.nrrd, later-registered.nrrd, "
        "baseline-to-later.tfm and follow-up.png. Research use only, not for clinical diagnosis.",
        epilog="Every option, those of the methods among them: --help-all.",
    )
    parser.add_argument(
        "baseline",
        nargs="?",
        metavar="BASELINE",
        help="the earlier volume: a NIfTI, NRRD or MetaImage file or a DICOM folder; or the output folder of anofpdm "
        "detect, which is taken as it is",
    )
    parser.add_argument("later", nargs="?", metavar="LATER", help="the later volume or result")
    for date in ("baseline", "later"):
        parser.add_argument(
            f"--{date}",
            dest=f"{date}_named",
            action="append",
            default=[],
            metavar="NAME=PATH",
            help=f"in place of {date.upper()}, for a model with several modalities; once for each",
        )
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder for the results")
    add_detection_options(parser)
    add_help_all(parser, SHOWN, "%(prog)s [OPTION ...] --output DIR BASELINE LATER")
    parser.set_defaults(run=run_follow)


def run_follow(options: argparse.Namespace) -> int:
    """Run the command."""
    with cancellation(watch_stdin=options.watch_stdin) as cancel:
        options.reporter = make_reporter(options.progress)
        return _follow(options, options.reporter, cancel)


def _follow(options: argparse.Namespace, reporter: Reporter, cancel: CancelToken) -> int:
    # Cheap checks come first: importing torch takes seconds.
    check_knobs(options)
    batch_size = given_batch_size(options.batch_size)
    dates = {name: _images(options, name) for name in ("baseline", "later")}
    results = {name: _is_result(images) for name, images in dates.items()}
    if all(results.values()):
        _refuse_detection_options(options)
    output = output_folder(options.output)
    inputs = [path for images in dates.values() for path in _paths(images) if not Path(path).is_dir()]
    with claimed_folder(output, inputs, overlay=options.overlay, names=FILES) as folder:
        runs = None if all(results.values()) else prepared_runs(options, batch_size, reporter, cancel)
        from ..followup.follow_up import follow_up
        from ..followup.writing import write_follow_up

        counted = [name for name, is_result in results.items() if not is_result]
        found = {
            name: _stored(Path(str(images)), forced=options.force)
            if results[name]
            else _detected(name, images, runs, reporter, cancel, more=name != counted[-1])
            for name, images in dates.items()
        }
        for name, detection in found.items():
            _check_shown(name, detection)
        compared = follow_up(found["baseline"], found["later"], on_stage=reporter.stage, cancel=cancel)
        image = None if results["later"] else _first_image(dates["later"], runs, cancel)
        reporter.stage("writing")
        document = write_follow_up(
            folder, compared, image, picture=options.overlay, anonymous=options.anonymous, cancel=cancel
        )
    from ..followup.document import format_follow_up

    details = {"output": str(output), "summary": document["summary"], "warnings": document["warnings"]}
    reporter.result(f"{format_follow_up(document)}\nWritten to {output}.", details)
    return 0


def _images(options: argparse.Namespace, name: str) -> Images:
    path, named = getattr(options, name), getattr(options, f"{name}_named")
    if path and named:
        raise SettingsError(f"Give either {name.upper()} or --{name}, not both.")
    if named:
        return named_images(named)
    if not path:
        raise InputError(f"Name both volumes: the {name} one is missing.")
    return str(path)


def _paths(images: Images) -> list[str]:
    return [images] if isinstance(images, str) else list(images.values())


def _is_result(images: Images) -> bool:
    return isinstance(images, str) and (Path(images) / EVIDENCE_FILE).is_file()


def _refuse_detection_options(options: argparse.Namespace) -> None:
    """Raises SettingsError for what would have no effect."""
    given = [f"--{name}" for name in _OF_DETECTION if getattr(options, name) is not None]
    given += ["an option of a method"] if any(v is not None for n, v in vars(options).items() if is_knob(n)) else []
    if given:
        raise SettingsError(
            f"Both dates are results, which are compared as they are: leave out {given[0]}, or give the volumes."
        )


def _stored(folder: Path, *, forced: bool) -> Detection:
    """The detection of a result's folder. Raises EvidenceError."""
    from ..results.case_storage import load_evidence
    from ..results.detection import build_detection

    recover(folder)
    case = load_evidence(folder / EVIDENCE_FILE)
    return build_detection(replace(case, forced=case.forced or forced))


def _check_shown(name: str, detection: Detection) -> None:
    """Raises EvidenceError where the gate withholds it: nothing can be said of its findings."""
    gate = detection.case.gate
    if gate is not None and detection.case.withheld:
        raise EvidenceError(
            f"The gate is red for the {name} image, whose findings are withheld: {gate.sentences[0]} "
            "With --force they are compared all the same."
        )


def _detected(
    name: str, images: Images, runs: CaseRuns | None, reporter: Reporter, cancel: CancelToken, *, more: bool
) -> Detection:
    """`more`: another volume of about this size follows."""
    assert runs is not None

    def progress(step: Progress) -> None:
        left = step.remaining_s
        if left is not None and more:
            left += step.elapsed_s + left
        reporter.progress(replace(step, what=name, remaining_s=left))

    return runs.detector.detect(
        images, runs.settings, runs.options, on_progress=progress, on_stage=reporter.stage, cancel=cancel
    )


def _first_image(images: Images, runs: CaseRuns | None, cancel: CancelToken) -> Any:
    """What the findings lie on."""
    from ..volumes.reading import read_noted_volume

    assert runs is not None
    modality = runs.detector.config.modalities[0]
    path = images if isinstance(images, str) else images[modality]
    return read_noted_volume(path, modality, cancel).image
