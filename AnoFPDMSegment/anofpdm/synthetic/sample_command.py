"""What the commands that render bundled volumes have in common: what they are given, and how they write."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import SimpleITK as sitk
import torch

from ..core.errors import AnoFPDMError
from .head_map import HeadMap, read_head_map
from .structures import read_structures


def sample_parser(description: str | None, seed: int) -> argparse.ArgumentParser:
    """Of a label map, its table, a folder for the volumes, and a seed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("map", type=Path, help="whole-head label map")
    parser.add_argument("table", type=Path, help="CSV table of its labels")
    parser.add_argument("folder", type=Path, help="existing folder for the volumes")
    parser.add_argument("--seed", type=int, default=seed, help="which head (default: %(default)s)")
    return parser


def write_rendered(options: argparse.Namespace, render: Callable[[HeadMap], Mapping[Path, sitk.Image]]) -> None:
    """Render the head of the map that `options` name, and write the images; ends the process where that fails."""
    if not options.folder.is_dir():
        sys.exit(f"The folder {options.folder} does not exist: make it, or name another.")
    torch.set_num_threads(1)
    try:
        images = render(read_head_map(options.map, read_structures(options.table)))
    except AnoFPDMError as error:
        sys.exit(str(error))
    try:
        for path, image in images.items():
            sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError:
        sys.exit(f"{path} cannot be written; check the folder and the disk.")
