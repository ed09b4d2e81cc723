"""The undamaged head that damaged files are made from: `base_head.nii.gz`.

Drawn once by this project (`synthetic_flair_lesion`, pooled 2 x 2 in plane) and kept as a file of its own, so that a
new sample or model changes nothing about what reading is tested with: 80 x 80 x 28 voxels of 3 x 3 x 5 mm, int16,
axes along R, A, S.
"""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

BASE_HEAD = Path(__file__).with_name("base_head.nii.gz")
SPACING = (3.0, 3.0, 5.0)


def base_values() -> npt.NDArray[np.int16]:
    """Stored values [i, j, k], as the file's order of axes has them."""
    return np.asarray(nibabel.load(BASE_HEAD).dataobj).astype(np.int16)


def base_affine() -> npt.NDArray[np.float64]:
    """[4, 4]: voxel (i, j, k) to RAS mm."""
    return np.asarray(nibabel.load(BASE_HEAD).affine, dtype=np.float64)


def affine_of(image: sitk.Image) -> npt.NDArray[np.float64]:
    """[4, 4]: voxel (i, j, k) of an image to RAS mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(image.GetDirection()).reshape(3, 3) * np.asarray(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return np.asarray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def values_of(image: sitk.Image) -> npt.NDArray[np.float32]:
    """Values [i, j, k]."""
    return np.asarray(sitk.GetArrayFromImage(image).transpose())
