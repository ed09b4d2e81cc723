"""`anofpdm manifest`: a table of labelled slices from the folder layout of a public data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.reporting import say
from ..datasets.adapters import LAYOUTS, build_manifest


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "manifest",
        help="make the table that train and calibrate read",
        description="Write a CSV manifest of a data set: subject, split, paths, slice, image-level label. Pixel masks "
        "are read here alone, to derive the labels.",
    )
    parser.add_argument("layout", choices=sorted(LAYOUTS), help="folder layout of the data set")
    parser.add_argument("root", metavar="FOLDER", help="the data set's folder")
    parser.add_argument("-o", "--output", required=True, metavar="CSV", help="the manifest to write")
    parser.add_argument("--seed", type=int, default=0, help="of the split of subjects, 75/5/20 %% (default: 0)")
    parser.set_defaults(run=run_manifest)


def run_manifest(options: argparse.Namespace) -> int:
    """Run the command."""
    manifest = build_manifest(options.layout, Path(options.root), Path(options.output), options.seed)
    subjects = len(manifest.subjects())
    say(f"Written to {options.output}: {len(manifest.rows)} rows of {subjects} subjects.")
    return 0
