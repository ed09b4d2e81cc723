"""Inputs rebuilt after public bug reports: each is read as the undamaged head, or refused for the true reason."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from base_head import affine_of, values_of
from reading_samples import refused

from anofpdm.volumes.reading import read_noted_volume

FOLDER = Path(os.environ.get("ANOFPDM_TEST_DATA", "")).parent / "cases"
BASE = "f00_base.nii.gz"
SAME = {
    "f01_nifti_intent_vector.nii.gz": "",
    "f03_nifti2.nii.gz": "",
    "f04a_nifti_pixdim_not_sform_z.nii.gz": "states two voxel sizes, 3 x 3 x 6.5 mm (pixdim) and 3 x 3 x 5 mm (sform)",
    "f04b_nifti_pixdim_not_sform_swapped.nii.gz": "states two voxel sizes, 5 x 3 x 3 mm (pixdim) and 3 x 3 x 5 mm",
    "f08_nifti_vox_offset_0.nii.gz": "",
    "f09a_enhanced_interleaved.tar.gz": "",
    "f16_series_beside_rle_seg.tar.gz": "was read without 'SEG.dcm'",
    "f20_nrrd_bzip2.nrrd": "",
}
"""Warnings by name; none where it is empty."""
REFUSED = {
    "f09c_enhanced_missing_frames.tar.gz": "missing or unevenly spaced slices",
    "f11a_enhanced_two_timepoints.tar.gz": "several slices at the same position",
    "f12_enhanced_mixed_orientation.tar.gz": "slices of different orientation",
    "f13_enhanced_sheared.tar.gz": "is sheared",
    "f15_enhanced_three_plane_localizer.tar.gz": "is a localizer",
    "f17_series_without_pixel_spacing.tar.gz": "does not state the size of its pixels",
    "f19_series_rgb.tar.gz": "vector or color image",
    "f21_series_without_positions.tar.gz": "slices without a position in the patient",
}
OTHERS = {
    "f05_nifti_no_forms.nii.gz",
    "f06_nifti_sform_flips_left_right.nii.gz",
    "f07_nifti_sform_three_decimals.nii.gz",
    "f10_enhanced_slope_per_frame.tar.gz",
    "f18_series_pixel_padding.tar.gz",
}
MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])

pytestmark = pytest.mark.skipif(not (FOLDER / BASE).is_file(), reason="the failing inputs are not beside the test data")


@pytest.fixture(scope="module")
def base() -> tuple[np.ndarray, np.ndarray]:
    """Values and affine."""
    image = read_noted_volume(FOLDER / BASE, "flair").image
    return values_of(image), affine_of(image)


def given(name: str, folder: Path) -> Path:
    """The file, or the folder that an archive holds."""
    if not name.endswith(".tar.gz"):
        return FOLDER / name
    with tarfile.open(FOLDER / name) as archive:
        archive.extractall(folder, filter="data")
    (inner,) = folder.iterdir()
    return inner


def read(name: str, folder: Path, *, side_known: bool = True) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    volume = read_noted_volume(given(name, folder), "flair")
    assert volume.side_known is side_known
    # Formats differ in the order and direction of their axes, NIfTI among themselves do not.
    image = volume.image if name.endswith(".nii.gz") else in_the_order_of_the_base(volume.image)
    return values_of(image), affine_of(image), volume.warnings


def in_the_order_of_the_base(image: sitk.Image) -> sitk.Image:
    ordered: sitk.Image = sitk.DICOMOrient(image, "RAS")
    return ordered


def test_every_case_is_tried() -> None:
    names = {path.name for path in FOLDER.iterdir()} - {"README.md", BASE}
    assert names == {*SAME, *REFUSED, *OTHERS}


@pytest.mark.parametrize("name", SAME)
def test_the_same(base: tuple[np.ndarray, np.ndarray], tmp_path: Path, name: str) -> None:
    values, affine, warnings = read(name, tmp_path)
    np.testing.assert_array_equal(values, base[0])
    np.testing.assert_allclose(affine, base[1], atol=1e-4)
    assert len(warnings) == bool(SAME[name])
    assert all(SAME[name] in warning for warning in warnings)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    refused(given(name, tmp_path), REFUSED[name])


def test_nowhere(base: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    values, affine, warnings = read("f05_nifti_no_forms.nii.gz", tmp_path, side_known=False)
    np.testing.assert_array_equal(values, base[0])
    np.testing.assert_allclose(affine, np.diag([3, 3, 5, 1]), atol=1e-6)
    assert len(warnings) == 1 and "does not say how it lies in the patient" in warnings[0]


def test_a_mirrored_form(base: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    values, affine, warnings = read("f06_nifti_sform_flips_left_right.nii.gz", tmp_path, side_known=False)
    np.testing.assert_array_equal(values, base[0])
    np.testing.assert_allclose(affine[:3, :3], (MIRROR @ base[1])[:3, :3], atol=1e-4)
    assert len(warnings) == 1 and "mirror each other" in warnings[0]


def test_rounded_axes(base: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    values, affine, warnings = read("f07_nifti_sform_three_decimals.nii.gz", tmp_path)
    np.testing.assert_array_equal(values, base[0])
    np.testing.assert_allclose(affine[:3, :3].T @ affine[:3, :3], np.diag([9, 9, 25]), atol=1e-2)
    assert warnings == ()


def test_slopes_of_their_own(base: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    values, affine, warnings = read("f10_enhanced_slope_per_frame.tar.gz", tmp_path)
    # Rounded to whole stored values.
    assert abs(values.mean() - base[0].mean()) < 0.5 and np.abs(values - base[0]).max() < 4
    np.testing.assert_allclose(affine, base[1], atol=1e-3)
    assert warnings == ()


def test_padding(base: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    """16 of 80 rows are padding: the others stay, and nothing of -2000 is left."""
    values, affine, _ = read("f18_series_pixel_padding.tar.gz", tmp_path)
    same = (values == base[0]).all(axis=(0, 2))
    assert same.sum() >= 64 and values.min() >= base[0].min()
    np.testing.assert_allclose(affine, base[1], atol=1e-3)
