"""`anofpdm adjust`: rebuild heatmap, segmentation and findings from the evidence, without the network."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from ..core.errors import WITHHELD, SettingsError
from ..core.output_set import recover
from ..core.reporting import say
from ..methods.registry import find_method
from ..results.case_storage import EVIDENCE_FILE, load_evidence
from ..results.detection import build_detection, claimed_folder
from ..results.findings_text import format_findings
from .options import KnobGroup, add_force_option, add_knobs, add_overlay_option, check_knobs, given_knobs, output_folder


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "adjust",
        help="change guidance strength or thresholds of a result, without a rerun",
        description="Rebuild a result from its evidence with other guidance strength or thresholds. Whatever is left "
        "out stays as it was chosen for the result.",
    )
    parser.add_argument("result", metavar="DIR", help="output folder of anofpdm detect")
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="folder for the new result (default: replace the old one)"
    )
    parser.add_argument(
        "--as-calibrated", action="store_true", help="forget what was chosen before; the options given here still hold"
    )
    parser.add_argument(
        "--calibration", metavar="NAME", help="calibration of the user, or 'default' for the model's own"
    )
    add_knobs(
        parser,
        KnobGroup(
            True,
            "selection (as chosen for the result where left out)",
            "Options that take a value also take 'calibrated'.",
        ),
    )
    add_force_option(parser)
    add_overlay_option(parser)
    parser.set_defaults(run=run_adjust)


def run_adjust(options: argparse.Namespace) -> int:
    """Run the command."""
    check_knobs(options)
    source = Path(options.result)
    output = output_folder(options.output) if options.output is not None else source
    recover(source)
    case = load_evidence(source / EVIDENCE_FILE)
    with claimed_folder(output, overlay=options.overlay) as folder:
        method = find_method(case.method)
        if options.force:
            case = dataclasses.replace(case, forced=True)
        if options.calibration is not None:
            case = method.with_calibration(case, options.calibration)
        before = method.settings_type() if options.as_calibrated else case.settings
        given = given_knobs(options, method, live=True)
        for name in given_knobs(options, method, live=False):
            flag = next(knob.flag for knob in method.knobs if knob.name == name)
            raise SettingsError(f"With the method {method.name}, {flag} needs a rerun: detect again with it.")
        detection = build_detection(case, method.overlaid(before, given, case.calibration))
        detection.write(folder, overlay=options.overlay)
    say(f"{format_findings(detection.findings)}\nWritten to {output}.")
    return WITHHELD if detection.case.withheld else 0
