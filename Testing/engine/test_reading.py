"""Volumes from files, and every way in which a file can be unusable."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from reading_samples import OBLIQUE, ORIGIN, SPACING, oblique_image, refused, saved
from volume_makers import head_like, make_image, write_dicom_series

from anofpdm.core.errors import InputError
from anofpdm.volumes import reading
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.reading import check_volume, read_volume


@pytest.fixture
def image() -> sitk.Image:
    return oblique_image()


def nifti_with(image: sitk.Image, path: Path, *changes: tuple[str, int, tuple[float, ...]]) -> Path:
    """An uncompressed NIfTI-1 file with header entries overwritten: (struct format, offset, values)."""
    saved(image, path)
    content = bytearray(path.read_bytes())
    for kind, offset, values in changes:
        struct.pack_into("<" + kind, content, offset, *values)
    path.write_bytes(content)
    return path


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "compress"),
        [
            ("a.nii", False),
            ("a.nii.gz", True),
            ("a.nrrd", False),
            ("a.nrrd", True),
            ("a.nhdr", True),
            ("a.mha", False),
            ("a.mha", True),
            ("a.mhd", False),
            ("name.with.dots.nii.gz", True),
        ],
    )
    def test_supported_kinds(self, image: sitk.Image, tmp_path: Path, name: str, compress: bool) -> None:
        path = saved(image, tmp_path / name, compress)
        volume = read_volume(path, "flair")
        assert volume.GetPixelID() == sitk.sitkFloat32
        np.testing.assert_array_equal(sitk.GetArrayFromImage(volume), head_like())
        np.testing.assert_allclose(volume.GetSpacing(), SPACING, rtol=1e-6)
        np.testing.assert_allclose(volume.GetOrigin(), ORIGIN, rtol=1e-5)
        np.testing.assert_allclose(volume.GetDirection(), OBLIQUE.ravel(), atol=1e-6)
        assert read_volume(str(path), "flair").GetSize() == volume.GetSize()

    @pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha"])
    def test_upper_case_endings(self, image: sitk.Image, tmp_path: Path, ending: str) -> None:
        path = saved(image, tmp_path / f"a.{ending}").rename(tmp_path / f"B.{ending.upper()}")
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_volume(path, "flair")), head_like())

    @pytest.mark.parametrize(
        "kind",
        [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.int64, np.uint64, np.float32, np.float64],
    )
    def test_every_scalar_type(self, tmp_path: Path, kind: type) -> None:
        array = (head_like() % 100).astype(kind)
        path = saved(make_image(array, SPACING), tmp_path / "a.nrrd")
        volume = read_volume(path, "flair")
        assert volume.GetPixelID() == sitk.sitkFloat32
        np.testing.assert_array_equal(sitk.GetArrayFromImage(volume), array)

    def test_header_entries_are_dropped(self, image: sitk.Image, tmp_path: Path) -> None:
        image = sitk.Cast(image, sitk.sitkFloat32)
        image.SetMetaData("comment", "SECRET^PATIENT")
        path = saved(image, tmp_path / "a.nrrd")
        assert b"SECRET" in path.read_bytes()
        assert read_volume(path, "flair").GetMetaDataKeys() == ()
        assert check_volume(image, "flair").GetMetaDataKeys() == ()

    def test_long_non_ascii_path(self, image: sitk.Image, tmp_path: Path) -> None:
        folder = tmp_path / "Müller 脳 ü" / ("x" * 120) / ("y" * 120)
        folder.mkdir(parents=True)
        path = saved(image, folder / "bild größe ñ.nii.gz")
        assert read_volume(path, "flair").GetSize() == image.GetSize()

    def test_name_that_is_not_unicode(self, image: sitk.Image, tmp_path: Path) -> None:
        bad = Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.nii.gz"))
        try:
            shutil.copy(saved(image, tmp_path / "a.nii.gz"), bad)
        except (OSError, UnicodeError):
            pytest.skip("this file system takes only Unicode names")
        with pytest.raises(InputError, match="rename it"):
            read_volume(bad, "flair")

    @pytest.mark.parametrize(
        ("written", "named"), [("a.nii.gz", "b.nii"), ("a.nii", "b.nii.gz"), ("a.nii", "b.NII.GZ")]
    )
    def test_nifti_named_as_compressed_or_not(
        self, image: sitk.Image, tmp_path: Path, written: str, named: str
    ) -> None:
        path = saved(image, tmp_path / written).rename(tmp_path / named)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_volume(path, "flair")), head_like())

    @pytest.mark.parametrize("neighbor", ["a.nii", "a.hdr"])
    def test_neighbor_of_the_same_name_is_not_read_instead(
        self, image: sitk.Image, tmp_path: Path, neighbor: str
    ) -> None:
        path = saved(image, tmp_path / "a.nii.gz")
        saved(image * 0 + 7, tmp_path / neighbor)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_volume(path, "flair")), head_like())

    def test_fourth_axis_of_one_entry_is_dropped(self, image: sitk.Image, tmp_path: Path) -> None:
        for ending in ("nii.gz", "nrrd", "mha"):
            path = saved(sitk.JoinSeries([image]), tmp_path / f"a.{ending}")
            volume = read_volume(path, "flair")
            assert volume.GetSize() == image.GetSize()
            np.testing.assert_allclose(volume.GetDirection(), image.GetDirection(), atol=1e-6)
            np.testing.assert_allclose(volume.GetOrigin(), image.GetOrigin(), rtol=1e-5)

    def test_single_slice_is_taken(self, tmp_path: Path) -> None:
        path = saved(make_image(head_like((48, 48, 1)), (4, 4, 5)), tmp_path / "a.nii.gz")
        assert read_volume(path, "flair").GetSize() == (48, 48, 1)

    def test_real_volumes(self) -> None:
        data = os.environ.get("ANOFPDM_TEST_DATA")
        if not data:
            pytest.skip("ANOFPDM_TEST_DATA is not set: no real volumes to read")
        paths = sorted((Path(data) / "open_ms").glob("*.nii.gz"))
        assert paths
        for path in paths:
            geometry = VolumeGeometry.from_image(read_volume(path, "real"))
            direction = geometry.direction_matrix
            np.testing.assert_allclose(direction.T @ direction, np.eye(3), atol=1e-4)


class TestUnusableFiles:
    def test_missing(self, tmp_path: Path) -> None:
        refused(tmp_path / "nowhere.nii.gz", "does not exist")

    def test_name_too_long(self, tmp_path: Path) -> None:
        refused(tmp_path / ("z" * 300 + ".nii"), "check the")

    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.dcm"])
    def test_empty(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).touch()
        refused(tmp_path / name, "is an empty file")

    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.dcm"])
    @pytest.mark.parametrize(
        "content", [b"hello, I am a letter\n" * 100, b"\x1f\x8b\x08\0nonsense" * 100, b"\0" * 1000]
    )
    def test_something_else_under_that_name(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, "again" if name != "a.dcm" else "not an image")

    @pytest.mark.parametrize("name", ["a.txt", "a.png", "a.hdr", "a", "a.gz", "nii"])
    def test_unsupported_kind(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"something" * 100)
        assert "NIfTI" in refused(tmp_path / name, "unsupported")

    def test_forbidden(self, image: sitk.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def forbid(self: Path, *args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        paths = [saved(image, tmp_path / name) for name in ("a.nii.gz", "a.nrrd", "a.mha")]
        monkeypatch.setattr(Path, "open", forbid)
        for path in paths:
            refused(path, "permissions")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
    def test_really_forbidden(self, image: sitk.Image, tmp_path: Path) -> None:
        path = saved(image, tmp_path / "a.nii.gz")
        path.chmod(0)
        refused(path, "permissions")
        folder = tmp_path / "series"
        write_dicom_series(folder, image)
        folder.chmod(0)
        refused(folder, "permissions")
        folder.chmod(0o700)

    @pytest.mark.parametrize(
        ("name", "data", "compress"),
        [
            ("a.nii", "a.nii", False),
            ("a.nii.gz", "a.nii.gz", True),
            ("a.nrrd", "a.nrrd", False),
            ("z.nrrd", "z.nrrd", True),
            ("a.mha", "a.mha", False),
            ("z.mha", "z.mha", True),
            ("a.mhd", "a.raw", False),
            ("z.mhd", "z.zraw", True),
            ("a.nhdr", "a.raw", False),
            ("z.nhdr", "z.raw.gz", True),
        ],
    )
    def test_cut_off(self, image: sitk.Image, tmp_path: Path, name: str, data: str, compress: bool) -> None:
        path = saved(image, tmp_path / name, compress)
        whole = (tmp_path / data).read_bytes()
        for length in (len(whole) - 40, len(whole) * 99 // 100, len(whole) // 2, 400, 100, 10):
            (tmp_path / data).write_bytes(whole[:length])
            refused(path, "again")

    def test_every_lost_byte_of_nifti_shows(self, image: sitk.Image, tmp_path: Path) -> None:
        for name in ("a.nii", "a.nii.gz"):
            path = saved(image, tmp_path / name)
            whole = path.read_bytes()
            path.write_bytes(whole[:-1])
            refused(path, "cut off")
            path.write_bytes(whole)
            assert read_volume(path, "flair").GetSize() == image.GetSize()

    def test_damaged_compressed_stream(self, image: sitk.Image, tmp_path: Path) -> None:
        path = saved(image, tmp_path / "a.nii.gz")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
        refused(path, "damaged")

    def test_compressed_whole_but_too_short(self, image: sitk.Image, tmp_path: Path) -> None:
        content = saved(image, tmp_path / "a.nii").read_bytes()
        path = tmp_path / "b.nii.gz"
        path.write_bytes(gzip.compress(content[:-10]))
        refused(path, "cut off")

    @pytest.mark.parametrize("data", ["a.raw", "a.zraw"])
    def test_missing_data_file(self, image: sitk.Image, tmp_path: Path, data: str) -> None:
        path = saved(image, tmp_path / "a.mhd", data.endswith("zraw"))
        (tmp_path / data).unlink()
        refused(path, "again")

    def test_nifti_header_alone_with_impossible_size(self, image: sitk.Image, tmp_path: Path) -> None:
        path = nifti_with(image, tmp_path / "a.nii", ("8h", 40, (3, 32767, 32767, 32767, 1, 1, 1, 1)))
        refused(path, "more voxels")

    def test_sheared_orientation(self, image: sitk.Image, tmp_path: Path) -> None:
        rows = (1.5, 0.2, 0, 0, 0, 1.5, 0, 0, 0, 0, 5.0, 0)
        path = nifti_with(image, tmp_path / "a.nii", ("hh", 252, (0, 1)), ("12f", 280, rows))
        refused(path, "perpendicular")

    @pytest.mark.parametrize("spacing", [0.0, -1.5, float("nan"), float("inf")])
    def test_nifti_spacing(self, image: sitk.Image, tmp_path: Path, spacing: float) -> None:
        path = nifti_with(image, tmp_path / "a.nii", ("f", 84, (spacing,)))
        refused(path, "voxel size")


def test_itk_warnings_are_silent() -> None:
    assert reading.sitk.ProcessObject.GetGlobalWarningDisplay() is False
