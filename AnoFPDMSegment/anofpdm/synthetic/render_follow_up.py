"""Render the follow-up sample: `python -m anofpdm.synthetic.render_follow_up MAP TABLE FOLDER --seed N`.

Two volumes: one head at two dates, scanned in other poses and with other noise. Of its four painted lesions one stays,
one is gone later, one is new and one has grown. MAP: a whole-head label map (NIfTI), TABLE: what its numbers mean. The
same map and seed give the same heads, up to rounding. The bundled sample is head_13 of the label maps of SynthSeg.
"""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from .head_map import HeadMap
from .head_pair import Course, HeadPose, render_pair, scan
from .lesion_kinds import Plan
from .sample_command import sample_parser, write_rendered
from .slab import Slab

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
    options = sample_parser(__doc__, SEED).parse_args()

    def render(head: HeadMap) -> dict[Path, sitk.Image]:
        return {options.folder / name: image for name, image in follow_up_images(head, options.seed).items()}

    write_rendered(options, render)


if __name__ == "__main__":
    main()
