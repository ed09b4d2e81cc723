"""Write the sample volumes: `python -m anofpdm.synthetic.make_sample FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from .phantom import phantom_volume

SEED = 169
SIZE = (160, 160, 28)
SPACING_MM = (1.5, 1.5, 5.0)
ORIGIN_LPS_MM = (121.3, 96.8, -48.2)
"""Of the first voxel, which is the leftmost, hindmost and lowest, as in many scanners' files."""
DIRECTION_LPS = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
"""The array's axes run to the right, to the front and up (RAS); the engine must turn them over."""
UNITS_PER_INTENSITY = 500.0

LESION = "synthetic_flair_lesion.nii.gz"
NO_LESION = "synthetic_flair_no_lesion.nii.gz"
MASK = "synthetic_flair_lesion_mask.nii.gz"


def _to_image(array: npt.NDArray[np.int16]) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array[:, ::-1, ::-1]))
    image.SetSpacing(SPACING_MM)
    image.SetOrigin(ORIGIN_LPS_MM)
    image.SetDirection(DIRECTION_LPS)
    return image


def sample_images() -> dict[str, sitk.Image]:
    """The three sample volumes by file name: one head with a lesion, without it, and the lesion."""
    unhealthy = phantom_volume(SEED, lesion=True, size=SIZE, spacing_mm=SPACING_MM)
    healthy = phantom_volume(SEED, lesion=False, size=SIZE, spacing_mm=SPACING_MM)
    return {
        LESION: _to_image(np.rint(unhealthy.image * UNITS_PER_INTENSITY).astype(np.int16)),
        NO_LESION: _to_image(np.rint(healthy.image * UNITS_PER_INTENSITY).astype(np.int16)),
        MASK: _to_image(unhealthy.lesion.astype(np.int16)),
    }


def write_samples(folder: Path) -> None:
    """Write the sample volumes into an existing folder."""
    for name, image in sample_images().items():
        sitk.WriteImage(image, str(folder / name), useCompression=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("Name the existing folder that the samples shall go to.")
    write_samples(Path(sys.argv[1]))
