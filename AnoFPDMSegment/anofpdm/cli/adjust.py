"""`anofpdm adjust`: rebuild heatmap, segmentation and findings from the evidence, without the network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..detection import build_detection, check_can_write
from ..evidence.storage import EVIDENCE_FILE, load_evidence
from ..results.findings import format_findings
from .options import add_selection_options, output_folder, selection_settings


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "adjust",
        help="change guidance strength or thresholds of a result, without a rerun",
        description="Rebuild a result from its evidence with other guidance strength or thresholds.",
    )
    parser.add_argument("result", metavar="DIR", help="output folder of anofpdm detect")
    parser.add_argument("--output", metavar="DIR", help="folder for the new result (default: replace the old one)")
    add_selection_options(parser)
    parser.set_defaults(run=run_adjust)


def run_adjust(options: argparse.Namespace) -> int:
    """Run the command."""
    settings = selection_settings(options)
    source = Path(options.result)
    output = output_folder(options.output) if options.output is not None else source
    case = load_evidence(source / EVIDENCE_FILE)
    check_can_write(output)
    detection = build_detection(case, settings)
    detection.write(output)
    print(f"{format_findings(detection.findings)}\nWritten to {output}.")
    return 0
