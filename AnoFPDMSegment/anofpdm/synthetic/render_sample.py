"""Render the sample volumes from a label map: `python -m anofpdm.synthetic.render_sample MAP TABLE FOLDER --seed N`.

Three volumes: a head with painted lesions, the same head without them, and where the lesions are. MAP: a whole-head
label map (NIfTI), TABLE: what its numbers mean. The same map and seed give the same head, up to rounding; another seed
another one: choose by the picture (`--picture`). The bundled sample is head_13 of the label maps of SynthSeg.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..results.slice_picture import gray_picture
from .head_map import HeadMap
from .lesion_kinds import Plan
from .rendered_volume import Placement, image_volume, mask_volume
from .renderer import RenderedHead, RenderSettings, render_head
from .sample_command import sample_parser, write_rendered
from .slab import Slab

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
    parser = sample_parser(__doc__, SEED)
    parser.add_argument("--picture", type=Path, help="write the slices of both heads as a PNG, too")
    options = parser.parse_args()

    def render(head: HeadMap) -> dict[Path, sitk.Image]:
        sick, well = render_twins(head, options.seed)
        images = {options.folder / name: image for name, image in sample_images(sick, well, options.seed).items()}
        if options.picture:
            images[options.picture] = sitk.GetImageFromArray(picture([sick, well]), isVector=True)
        return images

    write_rendered(options, render)


if __name__ == "__main__":
    main()
