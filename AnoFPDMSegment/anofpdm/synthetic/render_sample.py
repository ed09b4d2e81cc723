"""Render the sample volumes from a label map: `python -m anofpdm.synthetic.render_sample MAP TABLE FOLDER --seed N`.

Three volumes: a head with painted lesions, the same head without them, and where the lesions are. MAP: a whole-head
label map (NIfTI), TABLE: what its numbers mean. The same map and seed give the same head, up to rounding; another seed
another one: choose by the picture (`--picture`). The bundled sample is head_13 of the label maps of SynthSeg.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from ..core.errors import AnoFPDMError
from ..results.slice_picture import gray_picture
from .head_map import HeadMap, read_head_map
from .lesion_kinds import Plan
from .rendered_volume import Placement, image_volume, mask_volume
from .renderer import RenderedHead, RenderSettings, render_head
from .slab import Slab
from .structures import read_structures

SLAB = Slab(matrix=192, pixel_mm=1.25, slices=40, spacing_mm=4.0, thickness_mm=4.0, planes=2, center_z_mm=-8.0)
PLANS = (Plan("mass", 24.0, 0.6), Plan("ovoid", 1.0, 0.6), Plan("juxtacortical", 0.8, 0.6))
"""One large lesion and two small ones."""
PLACEMENT = Placement(directions=np.eye(3), center=(4.0, -12.0, 30.0), reversed=(True, True, False))
"""The array's axes run to the right, to the front and up (RAS); the engine must turn them over."""
SEED = 9
"""Of the bundled sample."""
UNITS = 420.0
"""White matter in the file."""

LESION = "synthetic_flair_lesion.nii.gz"
NO_LESION = "synthetic_flair_no_lesion.nii.gz"
MASK = "synthetic_flair_lesion_mask.nii.gz"


def render_twins(head: HeadMap, seed: int) -> tuple[RenderedHead, RenderedHead]:
    """The head with the lesions and without."""
    settings = RenderSettings(prior="flair", matrix=SLAB.matrix, field_of_view_mm=SLAB.matrix * SLAB.pixel_mm)
    sick, well = (render_head(head, settings, seed, slab=SLAB, plans=plans, stripped=False) for plans in (PLANS, ()))
    return sick, well


def sample_images(sick: RenderedHead, well: RenderedHead, seed: int) -> dict[str, sitk.Image]:
    """The three volumes by file name."""
    images = {
        LESION: image_volume(sick, PLACEMENT, "scanner", UNITS),
        NO_LESION: image_volume(well, PLACEMENT, "scanner", UNITS),
        MASK: mask_volume(sick.lesion.numpy(), SLAB, PLACEMENT),
    }
    for image in images.values():
        image.SetMetaData("ITK_FileNotes", f"Synthetic: rendered from {sick.head}, seed {seed}")
    return images


def picture(heads: list[RenderedHead], columns: int = 8, side: int = 128) -> np.ndarray:
    """Slices of both heads, from below to above, [h, w, 3]."""
    rows = []
    for head in heads:
        stack = head.image.numpy() * (255 / 1.8)
        rows += [
            np.concatenate([gray_picture(image, side) for image in stack[first : first + columns]], axis=1)
            for first in range(0, len(stack), columns)
        ]
    return np.concatenate(rows)


def main() -> None:
    """Render, and write all three volumes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("map", type=Path, help="whole-head label map")
    parser.add_argument("table", type=Path, help="CSV table of its labels")
    parser.add_argument("folder", type=Path, help="existing folder for the volumes")
    parser.add_argument("--seed", type=int, default=SEED, help="which head (default: %(default)s)")
    parser.add_argument("--picture", type=Path, help="write the slices of both heads as a PNG, too")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"The folder {options.folder} does not exist: make it, or name another.")
    torch.set_num_threads(1)
    try:
        sick, well = render_twins(read_head_map(options.map, read_structures(options.table)), options.seed)
    except AnoFPDMError as error:
        sys.exit(str(error))
    images = {options.folder / name: image for name, image in sample_images(sick, well, options.seed).items()}
    if options.picture:
        images[options.picture] = sitk.GetImageFromArray(picture([sick, well]), isVector=True)
    try:
        for path, image in images.items():
            sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError:
        sys.exit(f"{path} cannot be written; check the folder and the disk.")


if __name__ == "__main__":
    main()
