"""Whole heads of a manifest with the skull artificially taken away, to measure what a model makes of such input.

    python Testing/benchmarks/strip_volumes.py MANIFEST OUTPUT [--split val]

writes each image of the split with everything outside an approximate brain mask set to 0, and OUTPUT/manifest.csv with
the same slices, labels and lesion masks. A volume that is stripped already stays as it is.
"""

from __future__ import annotations

import argparse
import csv
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from anofpdm.core.arrays import BoolArray
from anofpdm.datasets.brain_extraction import FINE_PIXEL_MM, brain_on_grid
from anofpdm.datasets.build_slice_cache import prepare_unclipped
from anofpdm.datasets.manifest import SPLITS, Volume, read_manifest
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.store.model_search import find_model, model_of_method
from anofpdm.volumes.reading import read_volume
from anofpdm.volumes.stack_grid import StackGrid


def fine_grid(config: DiffusionConfig) -> DiffusionConfig:
    """The model's stack with pixels fine enough to outline a brain."""
    matrix = int(np.ceil(config.grid.field_of_view_mm / FINE_PIXEL_MM / 16) * 16)
    return replace(
        config,
        grid=replace(config.grid, matrix=matrix),
        network=replace(config.network, image_size=matrix),
    )


def as_image(mask: BoolArray, grid: StackGrid) -> sitk.Image:
    """The mask [S, H, W] where it lies."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    return image


def strip(image: sitk.Image, name: str, config: DiffusionConfig) -> sitk.Image:
    """The image, 0 outside of the brain."""
    case = prepare_unclipped({name: image}, config)
    if case.skull_stripped:
        return image
    brain = as_image(brain_on_grid(image, case), case.grid)
    on_image = sitk.Resample(brain, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    return sitk.Mask(image, on_image)


def rows_of(volume: Volume, image: Path, name: str, folder: Path) -> list[dict[str, str]]:
    """The volume's lines of the new manifest; paths relative to it."""
    return [
        {
            "subject": row.subject,
            "split": row.split,
            name: os.path.relpath(image, folder),
            "slice": "" if row.slice is None else str(row.slice),
            "label": str(int(row.unhealthy)),
            "mask": "" if row.mask is None else os.path.relpath(row.mask, folder),
            "source": row.source,
        }
        for row in volume.rows
    ]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path, help="CSV table of slices with labels and masks, one modality")
    parser.add_argument("output", type=Path, help="folder of the stripped images and their manifest")
    parser.add_argument(
        "--model", default=model_of_method("anofpdm"), help="whose stack is used (default: %(default)s)"
    )
    parser.add_argument("--split", choices=SPLITS, default="val")
    options = parser.parse_args()
    folder = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    config = fine_grid(find_model(options.model).config)
    (name,) = config.modalities
    manifest = read_manifest(options.manifest, config.modalities, both_labels_in=(options.split,))
    lines: list[dict[str, str]] = []
    for volume in manifest.of_split(options.split).volumes():
        image = folder / f"{volume.rows[0].subject}.nii.gz"
        sitk.WriteImage(strip(read_volume(volume.images[0], name), name, config), str(image))
        lines += rows_of(volume, image, name, folder)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


if __name__ == "__main__":
    main()
