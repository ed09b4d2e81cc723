"""Volumes from DICOM files and folders."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from reading_samples import OBLIQUE, ORIGIN, PATIENT_DATA, SPACING, oblique_image, refused, saved
from volume_makers import head_like, make_image, write_dicom_series

from anofpdm.volumes.reading import read_volume


@pytest.fixture
def image() -> sitk.Image:
    return oblique_image()


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
        assert pydicom.dcmread(paths[4]).pixel_array.max() * 3 == array[4].max(), "the slope is in the file"
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
