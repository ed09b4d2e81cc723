"""`anofpdm compare`: what differs between two results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.output_set import recover
from ..core.reporting import say
from ..results.compare import compare_results, format_comparison


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "compare",
        help="tell what differs between two results",
        description="Compare two results of the same volume: parameters, decisions, masks, heatmaps and components.",
    )
    parser.add_argument("first", metavar="DIR", help="output folder of anofpdm detect or adjust")
    parser.add_argument("second", metavar="DIR", help="another one")
    parser.set_defaults(run=run_compare)


def run_compare(options: argparse.Namespace) -> int:
    """Run the command."""
    for folder in (options.first, options.second):
        recover(folder)
    say(format_comparison(compare_results(Path(options.first), Path(options.second))))
    return 0
