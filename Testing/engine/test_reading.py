"""Volumes from files and folders, and every way in which they can be unusable."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from volume_makers import AXIAL, head_like, make_image, rotation, write_dicom_series

from anofpdm.errors import InputError
from anofpdm.volumes import reading
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.reading import check_volume, read_volume

SPACING = (1.5, 1.5, 5.0)
ORIGIN = (-30.0, -20.0, 10.0)
OBLIQUE = rotation((1, 2, 3), 17)
PATIENT_DATA = ("SECRET", "19010203", "1.2.826")


@pytest.fixture
def image() -> sitk.Image:
    return make_image(head_like(), SPACING, ORIGIN, OBLIQUE)


def refused(path: Path, words: str) -> str:
    """Assert that reading fails with one sentence that names the path and holds `words`; return it."""
    with pytest.raises(InputError) as caught:
        read_volume(path, "flair")
    message = str(caught.value)
    assert message.startswith(f"The flair image {path} ")
    assert words in message
    assert message.endswith((".", "?"))
    assert "\n" not in message
    assert not any(secret in message for secret in PATIENT_DATA)
    return message


def saved(image: sitk.Image, path: Path, compress: bool = False) -> Path:
    sitk.WriteImage(image, str(path), compress)
    return path


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

    def test_nifti_without_orientation(self, image: sitk.Image, tmp_path: Path) -> None:
        path = nifti_with(image, tmp_path / "a.nii", ("hh", 252, (0, 0)))
        volume = read_volume(path, "flair")
        np.testing.assert_array_equal(volume.GetDirection(), AXIAL.ravel())
        np.testing.assert_allclose(volume.GetSpacing(), SPACING)

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
        refused(path, "cut off")

    def test_sheared_orientation(self, image: sitk.Image, tmp_path: Path) -> None:
        rows = (1.5, 0.2, 0, 0, 0, 1.5, 0, 0, 0, 0, 5.0, 0)
        path = nifti_with(image, tmp_path / "a.nii", ("hh", 252, (0, 1)), ("12f", 280, rows))
        refused(path, "perpendicular")

    @pytest.mark.parametrize("spacing", [0.0, -1.5, float("nan"), float("inf")])
    def test_nifti_spacing(self, image: sitk.Image, tmp_path: Path, spacing: float) -> None:
        path = nifti_with(image, tmp_path / "a.nii", ("f", 84, (spacing,)))
        refused(path, "voxel size")


class TestUnusableContent:
    """Each on disk and in memory."""

    @pytest.fixture(params=["file", "memory"])
    def refuse(self, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[sitk.Image, str], None]:
        def on_disk(image: sitk.Image, words: str) -> None:
            refused(saved(image, tmp_path / "a.nrrd"), words)

        def in_memory(image: sitk.Image, words: str) -> None:
            with pytest.raises(InputError, match=words) as caught:
                check_volume(image, "flair")
            assert str(caught.value).startswith("The flair image ")

        return on_disk if request.param == "file" else in_memory

    def test_dimensions(self, image: sitk.Image, refuse: Callable[[sitk.Image, str], None]) -> None:
        refuse(sitk.JoinSeries([image, image]), "more than three dimensions")
        refuse(image[:, :, 3], "two-dimensional")

    def test_components(self, image: sitk.Image, refuse: Callable[[sitk.Image, str], None]) -> None:
        refuse(sitk.Compose(image, image, image), "several values per voxel")
        refuse(sitk.Compose(image, image), "several values per voxel")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
    def test_values(self, refuse: Callable[[sitk.Image, str], None], value: float) -> None:
        array = head_like().astype(np.float64)
        array[3, 4, 5] = value
        refuse(make_image(array, SPACING), "infinite, undefined or too large")

    @pytest.mark.parametrize("value", [0, 17])
    def test_constant(self, image: sitk.Image, refuse: Callable[[sitk.Image, str], None], value: int) -> None:
        refuse(image * 0 + value, "the same value everywhere")

    @pytest.mark.parametrize(
        "spacing", [(0.0015, 0.0015, 0.005), (1.5, 0.5, 1.0), (150, 150, 500), (1.5, 1.5, 100), (15, 30, 1)]
    )
    def test_not_the_size_of_a_head(
        self, refuse: Callable[[sitk.Image, str], None], spacing: tuple[float, float, float]
    ) -> None:
        refuse(make_image(head_like(), spacing), "millimetres?")

    @pytest.mark.parametrize("size", [(48, 4, 4), (15, 15, 80), (2, 3, 4)])
    def test_too_few_voxels(self, refuse: Callable[[sitk.Image, str], None], size: tuple[int, int, int]) -> None:
        refuse(make_image(head_like(size), (4, 4, 4)), "too few voxels")

    def test_sheared(self, refuse: Callable[[sitk.Image, str], None]) -> None:
        direction = np.array([[1, 0.3, 0], [0, np.sqrt(1 - 0.09), 0], [0, 0, 1]])
        refuse(make_image(head_like(), SPACING, ORIGIN, direction), "perpendicular")

    def test_rounded_cosines_are_fine(self) -> None:
        check_volume(make_image(head_like(), SPACING, ORIGIN, np.round(OBLIQUE, 3)), "flair")

    def test_vanishing_cosines_do_not_break_the_geometry(self) -> None:
        direction = rotation((0, 1, 0), 3)
        direction[0, 1] = 1e-310
        checked = check_volume(make_image(head_like(), SPACING, ORIGIN, direction), "flair")
        point = checked.TransformContinuousIndexToPhysicalPoint((3, 4, 5))
        np.testing.assert_allclose(checked.TransformPhysicalPointToContinuousIndex(point), (3, 4, 5))

    def test_complex(self, image: sitk.Image) -> None:
        real = sitk.Cast(image, sitk.sitkFloat32)
        with pytest.raises(InputError, match="complex"):
            check_volume(sitk.RealAndImaginaryToComplex(real, real), "flair")

    def test_undefined_position(self, image: sitk.Image) -> None:
        image.SetOrigin((0, float("nan"), 0))
        with pytest.raises(InputError, match="position"):
            check_volume(image, "flair")

    def test_the_given_image_is_left_alone(self, image: sitk.Image) -> None:
        image.SetMetaData("key", "value")
        checked = check_volume(image, "flair")
        assert image.GetMetaData("key") == "value"
        assert image.GetPixelID() == sitk.sitkInt16
        np.testing.assert_array_equal(sitk.GetArrayFromImage(checked), head_like())


class TestDicom:
    def test_series(self, image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path, image)
        volume = read_volume(tmp_path, "flair")
        assert volume.GetPixelID() == sitk.sitkFloat32
        np.testing.assert_array_equal(sitk.GetArrayFromImage(volume), head_like())
        np.testing.assert_allclose(volume.GetSpacing(), SPACING, rtol=1e-6)
        np.testing.assert_allclose(volume.GetOrigin(), ORIGIN, atol=1e-5)
        np.testing.assert_allclose(volume.GetDirection(), OBLIQUE.ravel(), atol=1e-6)
        assert volume.GetMetaDataKeys() == ()

    def test_other_files_and_reports_beside_it(self, image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path, image)
        (tmp_path / "notes.txt").write_text("hello")
        (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + meta_group("1.2.840.10008.1.3.10"))
        report = b"\0" * 128 + b"DICM" + meta_group("1.2.840.10008.5.1.4.1.1.88.11")
        report += element(0x0008, 0x0016, b"UI", b"1.2.840.10008.5.1.4.1.1.88.11\0")
        report += element(0x0008, 0x1150, b"UI", b"1.2.840.10008.5.1.4.1.1.4\0")
        report += element(0x0020, 0x000E, b"UI", b"1.2.3.4.99")
        (tmp_path / "report.dcm").write_bytes(report)
        assert read_volume(tmp_path, "flair").GetSize() == image.GetSize()

    def test_rescale_slope_of_every_slice(self, tmp_path: Path) -> None:
        array = head_like() * 6
        paths = write_dicom_series(tmp_path, make_image(array, SPACING), slopes={0: 2.0, 4: 3.0, 7: 6.0})
        assert float(sitk.ReadImage(str(paths[4])).GetMetaData("0028|1053")) == 3
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_volume(tmp_path, "flair")), array)

    def test_fractional_slope_after_a_first_slice_of_integers(self, image: sitk.Image, tmp_path: Path) -> None:
        paths = write_dicom_series(tmp_path, image * 2, slopes={4: 2.0})
        content = paths[4].read_bytes()
        written = b"\x28\x00\x53\x10\x02\x00\x00\x002 "
        assert content.count(written) == 1
        paths[4].write_bytes(content.replace(written, written[:-2] + b".5"))
        expected = head_like().astype(np.float64) * 2
        expected[4] /= 4
        np.testing.assert_array_equal(sitk.GetArrayFromImage(read_volume(tmp_path, "flair")), expected)

    def test_no_series(self, tmp_path: Path) -> None:
        refused(tmp_path, "without DICOM images")
        (tmp_path / "a.txt").write_text("hello")
        refused(tmp_path, "without DICOM images")

    def test_series_in_a_subfolder(self, image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path / "inner", image)
        refused(tmp_path, "give the folder that holds the series itself")

    def test_several_series(self, image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path, image)
        write_dicom_series(tmp_path, image, series="1.2.826.0.1.99", prefix="b")
        write_dicom_series(tmp_path, image, series="1.2.826.0.1.98", prefix="c")
        refused(tmp_path, "3 DICOM series")

    def test_one_slice_of_a_series(self, image: sitk.Image, tmp_path: Path) -> None:
        paths = write_dicom_series(tmp_path, image)
        refused(paths[3], "one of 12 slices of a DICOM series; give its folder")
        bare = paths[4].rename(tmp_path / "IM0001")
        refused(bare, "one of 12 slices")

    @pytest.mark.parametrize("missing", [[4], [5, 6], [1, 10]])
    def test_missing_slices(self, image: sitk.Image, tmp_path: Path, missing: list[int]) -> None:
        write_dicom_series(tmp_path, image, leave_out=missing)
        refused(tmp_path, "missing or unevenly spaced")

    @pytest.mark.parametrize(("shift", "accepted"), [(0.2, True), (0.3, False), (-0.3, False)])
    def test_uneven_slices(self, image: sitk.Image, tmp_path: Path, shift: float, accepted: bool) -> None:
        write_dicom_series(tmp_path, image, shift={11: shift})
        if accepted:
            assert read_volume(tmp_path, "flair").GetSize() == image.GetSize()
        else:
            refused(tmp_path, "missing or unevenly spaced")

    def test_two_images_per_position(self, image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path, image)
        write_dicom_series(tmp_path, image, prefix="second_echo")
        refused(tmp_path, "same position")

    def test_tilted_gantry(self, tmp_path: Path) -> None:
        for k in range(6):
            single = make_image(head_like()[k : k + 1], SPACING, (0, 1.5 * k, 5.0 * k))
            write_dicom_series(tmp_path, single, prefix=f"k{k}")
        refused(tmp_path, "tilted gantry")

    def test_orientations_mixed(self, image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path, image)
        write_dicom_series(tmp_path, make_image(head_like(), SPACING, ORIGIN), prefix="b")
        refused(tmp_path, "different orientation")

    def test_sizes_mixed(self, image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path, image, leave_out=[11])
        write_dicom_series(tmp_path, image[:40], leave_out=range(11), prefix="b")
        refused(tmp_path, "different size")

    @pytest.mark.parametrize("which", [0, 5, 11])
    def test_a_cut_off_slice_is_not_passed_over(self, image: sitk.Image, tmp_path: Path, which: int) -> None:
        paths = write_dicom_series(tmp_path, image)
        whole = paths[which].read_bytes()
        for length in (len(whole) - 2, len(whole) // 2, 500, 140, 50, 0):
            paths[which].write_bytes(whole[:length])
            refused(tmp_path, "damaged or cut off")

    def test_only_slice(self, tmp_path: Path) -> None:
        (path,) = write_dicom_series(tmp_path, make_image(head_like((48, 40, 1)), SPACING))
        for given in (path, tmp_path):
            volume = read_volume(given, "flair")
            assert volume.GetSize() == (48, 40, 1)
            assert volume.GetSpacing() == pytest.approx(SPACING)
        path.write_bytes(path.read_bytes()[:-100])
        refused(path, "cut off")

    def test_multi_frame_file(self, image: sitk.Image, tmp_path: Path) -> None:
        path = saved(sitk.Cast(image, sitk.sitkUInt16), tmp_path / "frames.dcm")
        volume = read_volume(path, "flair")
        np.testing.assert_array_equal(sitk.GetArrayFromImage(volume), head_like())
        np.testing.assert_allclose(volume.GetSpacing(), SPACING)
        assert read_volume(tmp_path, "flair").GetSize() == image.GetSize()

    def test_long_non_ascii_folder(self, image: sitk.Image, tmp_path: Path) -> None:
        folder = tmp_path / "Müller 脳" / ("x" * 120)
        write_dicom_series(folder, image)
        assert read_volume(folder, "flair").GetSize() == image.GetSize()

    def test_nothing_of_the_header_reaches_the_terminal(
        self, image: sitk.Image, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        paths = write_dicom_series(tmp_path, image)
        read_volume(tmp_path, "flair")
        paths[2].write_bytes(paths[2].read_bytes()[:-30])
        refused(tmp_path, "damaged")
        refused(paths[2], "cut off")
        output = "".join(capfd.readouterr())
        assert not any(secret in output for secret in PATIENT_DATA)


def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
    """A data element with explicit type, little endian."""
    return struct.pack("<HH2sH", group, number, kind, len(value)) + value


def meta_group(object_class: str) -> bytes:
    """The file meta information of a DICOM object."""
    uid = object_class.encode() + b"\0" * (len(object_class) % 2)
    content = element(2, 2, b"UI", uid) + element(2, 3, b"UI", b"1.2.3.40")
    content += element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1\0")
    return element(2, 0, b"UL", struct.pack("<I", len(content))) + content


def test_itk_warnings_are_silent() -> None:
    assert reading.sitk.ProcessObject.GetGlobalWarningDisplay() is False
