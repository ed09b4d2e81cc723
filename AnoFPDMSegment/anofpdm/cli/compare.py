"""`anofpdm compare`: what differs between results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.errors import SettingsError
from ..core.output_set import recover
from ..core.reporting import say
from ..results.compare import compare_results, format_comparison
from ..results.comparison_picture import compare_pictures


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "compare",
        help="tell what differs between results",
        description="Compare results of the same volume, of one method or of several: parameters, decisions, masks, "
        "heatmaps and components.",
    )
    parser.add_argument("first", metavar="DIR", help="output folder of anofpdm detect or adjust")
    parser.add_argument("others", metavar="DIR", nargs="+", help="one or more others, each compared with the first")
    parser.add_argument("--picture", metavar="FILE", help="draw all of them side by side, a PNG")
    parser.set_defaults(run=run_compare)


def run_compare(options: argparse.Namespace) -> int:
    """Run the command."""
    folders = [Path(folder) for folder in (options.first, *options.others)]
    for folder in folders:
        recover(folder)
    for other in folders[1:]:
        say(format_comparison(compare_results(folders[0], other)))
    if options.picture is not None:
        picture = picture_file(options.picture)
        compare_pictures(folders, picture)
        say(f"Drawn in {picture}.")
    return 0


def picture_file(text: str) -> Path:
    """Where the picture goes. Raises SettingsError for what can be no PNG file."""
    path = Path(text)
    if path.suffix.lower() != ".png" or path.is_dir():
        raise SettingsError(f"--picture takes the name of a PNG file, such as side-by-side.png, not '{text}'.")
    return path
