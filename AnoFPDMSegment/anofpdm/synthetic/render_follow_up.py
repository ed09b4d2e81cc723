"""Render the follow-up sample: `python -m anofpdm.synthetic.render_follow_up MAP TABLE FOLDER --seed N`.

Two volumes: one head at two dates, scanned in other poses and with other noise. Of its four painted lesions one stays,
one is gone later, one is new and one has grown. MAP: a whole-head label map (NIfTI), TABLE: what its numbers mean. The
same map and seed give the same heads, up to rounding. The bundled sample is head_13 of the label maps of SynthSeg.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import SimpleITK as sitk
import torch

from ..core.errors import AnoFPDMError
from .head_map import HeadMap, read_head_map
from .head_pair import Course, HeadPose, render_pair, scan
from .lesion_kinds import Plan
from .slab import Slab
from .structures import read_structures

SLAB = Slab(matrix=160, pixel_mm=1.5, slices=30, spacing_mm=5.0, thickness_mm=5.0, planes=1, center_z_mm=-8.0)
EXCESS = 0.8
COURSES = (
    Course(Plan("ovoid", 3.0, EXCESS), Plan("ovoid", 3.0, EXCESS)),
    Course(Plan("juxtacortical", 4.0, EXCESS), None),
    Course(None, Plan("ovoid", 3.0, EXCESS)),
    Course(Plan("ovoid", 5.0, EXCESS), Plan("ovoid", 16.0, EXCESS)),
)
"""One that stays, one that is gone, one that is new, one that has grown."""
POSES = (HeadPose(), HeadPose((6.0, -4.0, 8.0), (5.0, -8.0, 6.0)))
NOISE_SEEDS = (11, 14)
UNITS = (200.0, 240.0)
"""White matter in either file."""
SEED = 3
"""Of the bundled sample."""

BASELINE = "synthetic_flair_baseline.nii.gz"
LATER = "synthetic_flair_later.nii.gz"


def follow_up_images(head: HeadMap, seed: int) -> dict[str, sitk.Image]:
    """Both volumes by file name."""
    pair = render_pair(head, COURSES, seed)
    images = {}
    for date, name in enumerate((BASELINE, LATER)):
        image = scan(pair, date, POSES[date], SLAB, NOISE_SEEDS[date], UNITS[date]).image
        image.SetMetaData("ITK_FileNotes", f"Synthetic: rendered from {head.name}, seed {seed}")
        images[name] = image
    return images


def main() -> None:
    """Render, and write both volumes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("map", type=Path, help="whole-head label map")
    parser.add_argument("table", type=Path, help="CSV table of its labels")
    parser.add_argument("folder", type=Path, help="existing folder for the volumes")
    parser.add_argument("--seed", type=int, default=SEED, help="which head (default: %(default)s)")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"The folder {options.folder} does not exist: make it, or name another.")
    torch.set_num_threads(1)
    try:
        images = follow_up_images(read_head_map(options.map, read_structures(options.table)), options.seed)
    except AnoFPDMError as error:
        sys.exit(str(error))
    try:
        for name, image in images.items():
            sitk.WriteImage(image, str(options.folder / name), useCompression=True)
    except RuntimeError:
        sys.exit(f"{options.folder / name} cannot be written; check the folder and the disk.")


if __name__ == "__main__":
    main()
