"""Multi-frame DICOM and classic series alike: sorted, scaled frame by frame, or refused for the true reason."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from base_head import BASE_HEAD, values_of
from command_line import SECRETS
from dicom_makers import (
    Plane,
    compress,
    new_uid,
    planes,
    shifted,
    with_slopes,
    write,
    write_classic,
    write_enhanced,
    write_segmentation,
)
from reading_samples import is_image, refused
from volume_makers import rotation

from anofpdm.core.errors import Cancelled
from anofpdm.core.progress import CancelToken
from anofpdm.volumes.reading import read_noted_volume, read_volume

SIDEWAYS = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
FROM_THE_FRONT = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


@pytest.fixture(scope="module")
def base() -> sitk.Image:
    return sitk.DICOMOrient(sitk.Cast(sitk.ReadImage(str(BASE_HEAD)), sitk.sitkInt16), "LPS")


both = pytest.mark.parametrize("kind", ["enhanced", "classic"])


class TestSound:
    @both
    def test_in_order(self, base: sitk.Image, tmp_path: Path, kind: str) -> None:
        is_image(write(kind, tmp_path, planes(base)), base)

    @both
    def test_frames_in_any_order(self, base: sitk.Image, tmp_path: Path, kind: str) -> None:
        slices = planes(base)
        for name, order in {
            "interleaved": [*slices[::2], *slices[1::2]],
            "backwards": slices[::-1],
            "shuffled": random.Random(3).sample(slices, len(slices)),
        }.items():
            is_image(write(kind, tmp_path / name, order), base)

    @both
    def test_slope_of_every_frame(self, base: sitk.Image, tmp_path: Path, kind: str) -> None:
        slopes = [0.5 + 0.1 * k for k in range(28)]
        is_image(write(kind, tmp_path, with_slopes(planes(base), slopes)), base, tolerance=max(slopes) / 2 + 1e-3)

    def test_a_slope_said_once(self, base: sitk.Image, tmp_path: Path) -> None:
        path = write_enhanced(tmp_path / "a.dcm", planes(base), RescaleSlope=2, RescaleIntercept=-7)
        np.testing.assert_array_equal(values_of(read_volume(path, "flair")), values_of(base) * 2.0 - 7)

    @both
    @pytest.mark.parametrize("compressor", ["RLE", "JPEG", "JPEG2000", "deflated", "swapped"])
    def test_compressed(self, base: sitk.Image, tmp_path: Path, kind: str, compressor: str) -> None:
        slices = with_slopes(planes(base)[:16], [2.0] * 8 + [1.0] * 8)
        path = write(kind, tmp_path, slices)
        for file in [path] if path.is_file() else sorted(path.iterdir()):
            compress(file, compressor)
        is_image(path, base[:, :, :16], tolerance=1.0)

    def test_bits_that_are_no_value(self, base: sitk.Image, tmp_path: Path) -> None:
        """Overlays in the four highest bits, as in old files."""
        values = [
            np.asarray(p.values & 0x0FFF | (0x5000 if k % 2 else 0), np.int16) for k, p in enumerate(planes(base))
        ]
        slices = [replace(p, values=v) for p, v in zip(planes(base), values, strict=True)]
        is_image(write("classic", tmp_path, slices, BitsStored=12, HighBit=11, PixelRepresentation=0), base)

    def test_single_frame_files_of_the_new_kind(self, base: sitk.Image, tmp_path: Path) -> None:
        series = new_uid()
        for k, plane in enumerate(planes(base)):
            write_enhanced(tmp_path / f"{k}.dcm", [plane], SeriesInstanceUID=series)
        is_image(tmp_path, base)

    def test_without_preamble(self, base: sitk.Image, tmp_path: Path) -> None:
        for path in write_classic(tmp_path, planes(base)):
            path.write_bytes(path.read_bytes()[132:])
        is_image(tmp_path, base)

    def test_one_slice(self, base: sitk.Image, tmp_path: Path) -> None:
        (path,) = write_classic(tmp_path, planes(base)[9:10])
        is_image(path, base[:, :, 9:10])
        (path,) = write_classic(tmp_path / "b", planes(base)[9:10], SliceThickness=None)
        refused(path, "does not state its thickness")

    def test_reading_can_be_ended(self, base: sitk.Image, tmp_path: Path) -> None:
        path, token = write("classic", tmp_path, planes(base)), CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            read_noted_volume(path, "flair", token)


class TestForeign:
    @pytest.mark.parametrize("compressed", [True, False])
    def test_segmentation_beside_the_series(self, base: sitk.Image, tmp_path: Path, compressed: bool) -> None:
        paths = write_classic(tmp_path, planes(base))
        write_segmentation(tmp_path / "SEG.dcm", compressed)
        volume = read_noted_volume(tmp_path, "flair")
        np.testing.assert_array_equal(values_of(volume.image), values_of(base))
        (warning,) = volume.warnings
        assert warning == (
            "The flair image was read without 'SEG.dcm', which is no part of the series; check that nothing is missing."
        )
        refused(tmp_path / "SEG.dcm", "not an image")
        for path in paths:
            path.unlink()
        refused(tmp_path, "without DICOM images")

    def test_many(self, base: sitk.Image, tmp_path: Path) -> None:
        write_classic(tmp_path, planes(base))
        for n in range(5):
            write_segmentation(tmp_path / f"seg{n}.dcm")
        assert (
            "'seg0.dcm', 'seg1.dcm', 'seg2.dcm' and 2 more, which are" in read_noted_volume(tmp_path, "t").warnings[0]
        )

    def test_a_color_series_beside_it(self, base: sitk.Image, tmp_path: Path) -> None:
        write_classic(tmp_path, planes(base))
        (path,) = write_classic(tmp_path / "map", planes(base)[:1], **COLOR)
        path.rename(tmp_path / "screenshot.dcm")
        volume = read_noted_volume(tmp_path, "flair")
        np.testing.assert_array_equal(values_of(volume.image), values_of(base))
        assert "'screenshot.dcm'" in volume.warnings[0]

    def test_a_slice_that_says_it_is_something_else_is_not_passed_over(self, base: sitk.Image, tmp_path: Path) -> None:
        path = write_classic(tmp_path, planes(base))[0]
        content = path.read_bytes()
        at = content.rindex(b"1.2.840.10008.5.1.4.1.1.4")
        path.write_bytes(content[:at] + b"1.2.840.10008.5.1.4.1.1.9" + content[at + 25 :])
        refused(tmp_path, "damaged or cut off")


COLOR: dict[str, Any] = {
    "SamplesPerPixel": 3,
    "PhotometricInterpretation": "RGB",
    "PlanarConfiguration": 0,
    "PixelData": bytes(80 * 80 * 6),
}


FAULTS: dict[str, tuple[Callable[[list[Plane]], list[Plane]], str]] = {
    "missing": (lambda s: [*s[:9], *s[12:]], "missing or unevenly spaced"),
    "uneven": (lambda s: [*s[:-1], shifted(s[-1], 0, 0, 1.5)], "missing or unevenly spaced"),
    "twice": (lambda s: [*s, *s], "same position"),
    "alternately twice": (lambda s: [p for plane in s for p in (plane, plane)], "same position"),
    "one twice": (lambda s: [*s, s[4]], "same position"),
    "sheared": (lambda s: [shifted(p, 0, 1.34 * k, 0) for k, p in enumerate(s)], "tilted gantry or is sheared"),
    "sheared sideways": (lambda s: [shifted(p, -0.9 * k, 0, 0) for k, p in enumerate(s)], "sheared"),
    "sheared by two degrees": (lambda s: [shifted(p, 0, 0.17 * k, 0) for k, p in enumerate(s)], "sheared"),
    "no slope": (lambda s: [replace(s[0], slope=0.0), *s[1:]], "damaged or cut off"),
    "two more planes": (
        lambda s: [*s, replace(s[0], orientation=SIDEWAYS), replace(s[0], orientation=FROM_THE_FRONT)],
        "different orientation",
    ),
    "localizer": (
        lambda s: [s[0], replace(s[0], orientation=SIDEWAYS), replace(s[0], orientation=FROM_THE_FRONT)],
        "localizer",
    ),
    "localizer of five each": (
        lambda s: [replace(p, orientation=o) for o in (s[0].orientation, SIDEWAYS, FROM_THE_FRONT) for p in s[:5]],
        "localizer",
    ),
    "fan": (
        lambda s: [replace(p, orientation=tuple(rotation((1, 0, 0), 5 * k)[:, :2].T.ravel())) for k, p in enumerate(s)],
        "localizer|different orientation",
    ),
    "two pixel sizes": (lambda s: [replace(s[0], spacing=(2.5, 2.5)), *s[1:]], "different size"),
    "no pixel size": (lambda s: [replace(p, spacing=(0, 0)) for p in s], "voxel size that is zero"),
    "one pixel size": (lambda s: [replace(p, spacing=(3, 0)) for p in s], "voxel size that is zero"),
    "no axes": (lambda s: [replace(p, orientation=(0,) * 6) for p in s], "perpendicular|position"),
    "one axis twice": (lambda s: [replace(p, orientation=(1, 0, 0) * 2) for p in s], "perpendicular"),
    "skewed axes": (lambda s: [replace(p, orientation=(1, 0, 0, 0.1, 0.995, 0)) for p in s], "perpendicular"),
}


class TestRefused:
    @both
    @pytest.mark.parametrize("fault", FAULTS)
    def test_faults_of_the_stack(self, base: sitk.Image, tmp_path: Path, kind: str, fault: str) -> None:
        change, words = FAULTS[fault]
        path = write(kind, tmp_path, change(planes(base)))
        message = refused(path, "")
        assert any(word in message for word in words.split("|")), message

    def test_frames_of_two_sizes(self, base: sitk.Image, tmp_path: Path) -> None:
        slices = planes(base)
        refused(write("classic", tmp_path, [replace(slices[0], values=slices[0].values[:40]), *slices[1:]]), "size")

    def test_no_geometry(self, base: sitk.Image, tmp_path: Path) -> None:
        top = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [3, 3]}
        for name, changes in {"none": {}, "of the file": top}.items():
            path = write_enhanced(tmp_path / name / "a.dcm", planes(base), groups=False, **changes)
            refused(path, "does not state the size of its pixels")
        path = write_enhanced(tmp_path / "b.dcm", planes(base))
        dataset = pydicom.dcmread(path)
        for name in ("PlanePositionSequence", "PlaneOrientationSequence"):
            for groups in dataset.PerFrameFunctionalGroupsSequence[3:5]:
                delattr(groups, name)
            dataset.save_as(path)
            refused(path, "without a position in the patient")

    @pytest.mark.parametrize("name", ["ImagePositionPatient", "ImageOrientationPatient"])
    def test_no_positions(self, base: sitk.Image, tmp_path: Path, name: str) -> None:
        refused(write("classic", tmp_path, planes(base), **{name: None}), "without a position in the patient")

    def test_no_pixel_spacing(self, base: sitk.Image, tmp_path: Path) -> None:
        refused(write("classic", tmp_path / "a", planes(base), PixelSpacing=None), "size of its pixels")
        refused(write("classic", tmp_path / "b", planes(base), PixelSpacing=""), "size of its pixels")

    def test_another_number_of_frames(self, base: sitk.Image, tmp_path: Path) -> None:
        for count in (27, 29):
            refused(write_enhanced(tmp_path / "a.dcm", planes(base), NumberOfFrames=count), "damaged or cut off")

    @pytest.mark.parametrize("photometric", ["RGB", "PALETTE COLOR", "YBR_FULL"])
    def test_colors(self, base: sitk.Image, tmp_path: Path, photometric: str) -> None:
        changes = {**COLOR, "PhotometricInterpretation": photometric}
        if photometric == "PALETTE COLOR":
            changes |= {"SamplesPerPixel": 1, "PixelData": bytes(80 * 80 * 2)}
        refused(write("classic", tmp_path, planes(base), **changes), "vector or color image")

    @pytest.mark.parametrize("slope", [1e36, 1e308, -1e308])
    def test_values_that_are_not_finite(self, base: sitk.Image, tmp_path: Path, slope: float) -> None:
        """Refused in a sentence alone: no warning of numpy's comes with it, padding or not."""
        slices = [replace(p, slope=slope) for p in planes(base)]
        refused(write("classic", tmp_path / "a", slices), "too large")
        refused(write("classic", tmp_path / "b", slices, PixelPaddingValue=0), "too large")

    @both
    def test_cut_off(self, base: sitk.Image, tmp_path: Path, kind: str) -> None:
        path = write(kind, tmp_path, planes(base))
        file = path if path.is_file() else sorted(path.iterdir())[0]
        whole = file.read_bytes()
        for length in (len(whole) - 2, len(whole) // 2, 600, 200, 140):
            file.write_bytes(whole[:length])
            refused(path, "damaged or cut off")

    @pytest.mark.parametrize("which", [0, -1])
    def test_an_end_slice_that_is_no_dicom_any_more(self, base: sitk.Image, tmp_path: Path, which: int) -> None:
        paths = write_classic(tmp_path, planes(base))
        whole = paths[which].read_bytes()
        for content in (whole[:128] + b"DIXM" + whole[132:], b"\0" * len(whole), b""):
            paths[which].write_bytes(content)
            refused(tmp_path, "damaged or cut off")

    @pytest.mark.parametrize("syntax", [pydicom.uid.HTJ2K, pydicom.uid.MPEG2MPML, "1.2.3.4"])
    @both
    def test_compressed_in_a_rare_way(self, base: sitk.Image, tmp_path: Path, kind: str, syntax: str) -> None:
        """High-throughput JPEG 2000, MPEG-2, a manufacturer's own: the true reason, not damage."""
        path = write(kind, tmp_path, planes(base)[:4])
        for file in [path] if path.is_file() else sorted(path.iterdir()):
            compress(file, "RLE")
            dataset = pydicom.dcmread(file)
            dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
            dataset.save_as(file, implicit_vr=False, little_endian=True)
        refused(path, "compressed in a rare way that is not read here")

    @pytest.mark.parametrize("compressor", ["RLE", "JPEG", "JPEG2000", "deflated"])
    def test_cut_off_compressed(self, base: sitk.Image, tmp_path: Path, compressor: str) -> None:
        path = write_enhanced(tmp_path / "a.dcm", planes(base)[:16])
        compress(path, compressor)
        whole = path.read_bytes()
        for length in (len(whole) * 9 // 10, len(whole) // 2):
            path.write_bytes(whole[:length])
            refused(path, "damaged or cut off")


class TestPadding:
    """Declared padding is background; what is measured stays as it is."""

    @pytest.mark.parametrize("value", [-2000, -32768, 0, 4095])
    @both
    def test_declared(self, base: sitk.Image, tmp_path: Path, kind: str, value: int) -> None:
        is_padded(write(kind, tmp_path, padded(base, [value] * 28), PixelPaddingValue=value), base)

    def test_a_range(self, base: sitk.Image, tmp_path: Path) -> None:
        slices = padded(base, [-1000 - k for k in range(28)])
        is_padded(write("classic", tmp_path, slices, PixelPaddingValue=-1027, PixelPaddingRangeLimit=-1000), base)

    def test_fewer_bits_than_the_declared_value(self, base: sitk.Image, tmp_path: Path) -> None:
        slices = padded(base, [-32768] * 28)
        is_padded(write("classic", tmp_path, slices, PixelPaddingValue=-32768, BitsStored=12, HighBit=11), base)

    def test_declared_as_another_kind_of_number(self, base: sitk.Image, tmp_path: Path) -> None:
        """-2000 in an unsigned element, and one of no stated kind."""
        folder = write("classic", tmp_path, padded(base, [-2000] * 28), PixelPaddingValue=-2000)
        for number, file in enumerate(sorted(folder.iterdir())):
            dataset = pydicom.dcmread(file)
            del dataset.PixelPaddingValue
            dataset.add_new(0x00280120, "US", 0x10000 - 2000)
            if number % 2:
                dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
            dataset.save_as(file, implicit_vr=bool(number % 2), little_endian=True)
        is_padded(folder, base)

    def test_nothing_but_padding(self, base: sitk.Image, tmp_path: Path) -> None:
        slices = [replace(plane, values=np.full_like(plane.values, -2000)) for plane in planes(base)]
        refused(write("classic", tmp_path, slices, PixelPaddingValue=-2000), "same value everywhere")


def padded(base: sitk.Image, fills: Sequence[int]) -> list[Plane]:
    """Values of at least 3, the outer eight rows of each slice replaced."""
    slices = []
    for plane, fill in zip(planes(base), fills, strict=True):
        values = np.maximum(plane.values, 3)
        values[:8], values[-8:] = fill, fill
        slices.append(replace(plane, values=values))
    return slices


def is_padded(path: Path, base: sitk.Image) -> None:
    volume = read_noted_volume(path, "flair")
    assert volume.warnings == ()
    read, measured = sitk.GetArrayFromImage(volume.image), np.maximum(sitk.GetArrayFromImage(base), 3)
    np.testing.assert_array_equal(read[:, 8:-8], measured[:, 8:-8])
    hidden = np.concatenate([read[:, :8], read[:, -8:]], axis=1)
    assert hidden.min() >= 3 and np.median(hidden) < 20 and hidden.max() <= measured[:, [8, -9]].max()


def test_nothing_of_the_header_reaches_the_terminal(
    base: sitk.Image, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_enhanced(tmp_path / "a.dcm", planes(base), PatientWeight="1")
    read_volume(path, "flair")
    path.write_bytes(path.read_bytes().replace(b"SECRET^PATIENT", b"SECRET\xff\xfePATIEN"))
    read_volume(path, "flair")
    for length in (5000, 600):
        path.write_bytes(path.read_bytes()[:length])
        refused(path, "damaged or cut off")
    output = "".join(capfd.readouterr())
    assert not any(secret in output for secret in SECRETS) and output == ""
