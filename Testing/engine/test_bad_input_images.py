"""Images that cannot be examined: one sentence each, nothing written, nothing of the patient told."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from command_line import SECRETS, CommandLine, DetectCalls, run_python
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from volume_makers import write_dicom_series

from anofpdm.core.errors import InputError
from anofpdm.volumes.reading import read_volume

FILES = ["a.nii", "a.nii.gz", "a.nrrd", "z.nrrd", "a.mha", "z.mha"]
"""Names of head files of every format; z: compressed."""


def save(image: sitk.Image, path: Path) -> Path:
    sitk.WriteImage(image, str(path), path.name.startswith("z"))
    return path


def like(image: sitk.Image, values: np.ndarray) -> sitk.Image:
    result = sitk.GetImageFromArray(values)
    result.CopyInformation(image)
    return result


class TestPath:
    """What is not a readable file."""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("nowhere.nii.gz", "does not exist"),
            ("nowhere/at/all.nii.gz", "does not exist"),
            ("a\nb.nii", "does not exist"),
            ("\x1b[31mred.nii", "does not exist"),
            ("x" * 300 + ".nii", "too long|does not exist"),
            ("letter.txt", "unsupported kind"),
            ("letter", "unsupported kind"),
            ("empty.nii.gz", "is an empty file"),
            ("folder", "folder without DICOM images"),
            ("letter.txt/a.nii", "does not exist"),
            ("pipe.nii", "neither a file nor a folder"),
        ],
    )
    def test_is_refused(self, detect: DetectCalls, tmp_path: Path, name: str, words: str) -> None:
        (tmp_path / "letter.txt").write_text("Dear all")
        (tmp_path / "letter").write_text("Dear all")
        (tmp_path / "empty.nii.gz").touch()
        (tmp_path / "folder").mkdir()
        if name == "pipe.nii":
            if not hasattr(os, "mkfifo"):
                pytest.skip("no named pipes here")
            os.mkfifo(tmp_path / name)
        detect.refuses(tmp_path / name, words=words)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
    def test_without_permission(self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path) -> None:
        path = save(head_image, tmp_path / "a.nii.gz")
        path.chmod(0)
        with pytest.raises(PermissionError):
            path.read_bytes()
        sentence = detect.command("detect", path, "--model", detect.model, "--output", tmp_path / "o").sentence
        assert "permissions" in sentence and not (tmp_path / "o").exists()


class TestCutOffFile:
    """A file of each format that ends too early."""

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
    def test_is_refused(
        self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path, name: str, share: float
    ) -> None:
        path = save(head_image, tmp_path / name)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        detect.refuses(path, words="again")

    @pytest.mark.parametrize("name", FILES)
    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_at_any_byte(self, head_image: sitk.Image, tmp_path: Path, name: str, data: st.DataObject) -> None:
        path = save(head_image[10:30, 10:30, 6:8], tmp_path / name)
        whole = path.read_bytes()
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 20))])
        with pytest.raises(InputError, match="again"):
            read_volume(path, "flair")


class TestDamagedFile:
    """Flipped bytes in the header of each format: read, or refused in a sentence."""

    SCRIPT = """
import random, sys
from pathlib import Path
import numpy as np
import SimpleITK as sitk
from anofpdm.core.errors import InputError
from anofpdm.volumes.reading import read_volume

path, first, last, folders = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "folders"
whole, draw = path.read_bytes(), random.Random(5)
for example in range(60):
    content = bytearray(whole)
    for _ in range(draw.randint(1, 6)):
        content[draw.randint(first, last) % len(content)] = draw.randint(0, 255)
    path.write_bytes(content)
    try:
        image = read_volume(path.parent if folders and draw.random() < 0.5 else path, "flair")
        print("read." if np.isfinite(sitk.GetArrayViewFromImage(image)).all() else "read what is not finite")
    except InputError as error:
        print(error)
"""

    def read_or_refuse(self, path: Path, *options: object) -> None:
        """In a process of its own, whose status shows that the libraries below did not end it."""
        done = run_python("-c", self.SCRIPT, path, *options)
        # Those libraries have messages of their own for standard error.
        assert (done.returncode, done.stderr) == (0, "")
        said = done.stdout.splitlines()
        assert len(said) == 60 and all(line.endswith((".", "?")) for line in said)
        assert not any(secret in done.stdout for secret in SECRETS)
        assert len(set(said)) > 1

    @pytest.mark.parametrize("name", [*FILES, "a.mhd", "z.mhd", "a.nhdr"])
    def test_file(self, head_image: sitk.Image, tmp_path: Path, name: str) -> None:
        self.read_or_refuse(save(head_image[10:30, 10:30, 6:8], tmp_path / name), 0, 400, "files")

    def test_dicom(self, head_image: sitk.Image, tmp_path: Path) -> None:
        self.read_or_refuse(write_dicom_series(tmp_path, head_image[10:30, 10:30, 5:9])[1], 128, 1200, "folders")

    @pytest.mark.parametrize("name", FILES)
    def test_another_format_under_the_name(
        self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path, name: str
    ) -> None:
        other = save(head_image, tmp_path / ("b.mha" if "mha" not in name else "b.nrrd"))
        other.rename(tmp_path / name)
        detect.refuses(tmp_path / name, words="export it again")

    def test_data_file_of_a_header_is_missing(
        self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path
    ) -> None:
        for name in ("a.mhd", "b.nhdr"):
            path = save(head_image, tmp_path / name)
            path.with_suffix(".raw").unlink()
            detect.refuses(path, words="again")

    def test_a_header_that_claims_more_than_memory_holds(
        self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path
    ) -> None:
        for name, old, new in (
            ("a.mha", b"DimSize = 48 56 14", b"DimSize = 999999 999999 999999"),
            ("a.nrrd", b"sizes: 48 56 14", b"sizes: 999999 999999 999999"),
        ):
            path = save(head_image, tmp_path / name)
            content = path.read_bytes()
            assert old in content
            path.write_bytes(content.replace(old, new))
            detect.refuses(path, words="again")


def complex_image(image: sitk.Image) -> sitk.Image:
    return sitk.RealAndImaginaryToComplex(sitk.Cast(image, sitk.sitkFloat32), sitk.Cast(image, sitk.sitkFloat32))


def with_value(value: float) -> Callable[[sitk.Image], sitk.Image]:
    def change(image: sitk.Image) -> sitk.Image:
        values = sitk.GetArrayFromImage(image).astype(np.float64)
        values[5, 6, 7] = value
        return like(image, values)

    return change


def with_spacing(*spacing: float) -> Callable[[sitk.Image], sitk.Image]:
    def change(image: sitk.Image) -> sitk.Image:
        changed = sitk.Image(image)
        changed.SetSpacing(spacing)
        return changed

    return change


CONTENTS: dict[str, tuple[Callable[[sitk.Image], sitk.Image], str]] = {
    "time series": (lambda image: sitk.JoinSeries([image, image]), "more than three dimensions"),
    "picture": (lambda image: image[:, :, 13], "two-dimensional picture"),
    "vector": (lambda image: sitk.Compose(image, image, image), "several values per voxel"),
    "complex": (complex_image, "complex numbers"),
    "NaN": (with_value(np.nan), "infinite, undefined"),
    "infinite": (with_value(np.inf), "infinite, undefined"),
    "minus infinite": (with_value(-np.inf), "infinite, undefined"),
    "beyond float32": (with_value(1e300), "infinite, undefined"),
    "constant": (lambda image: image * 0 + 7, "the same value everywhere"),
    "zero": (lambda image: image * 0, "the same value everywhere"),
    "few voxels": (lambda image: sitk.Shrink(image, (8, 8, 1)), "too few voxels"),
    "line": (lambda image: image[:, 10:11, 10:11], "too few voxels"),
    "metres": (with_spacing(0.004, 0.004, 0.006), "millimetres"),
    "micrometres": (with_spacing(4000, 4000, 6000), "millimetres"),
    "tiny spacing": (with_spacing(1e-30, 1e-30, 1e-30), "millimetres"),
    "huge spacing": (with_spacing(1e30, 1e30, 1e30), "enormous"),
    "one huge axis": (with_spacing(4, 4, 1e6), "millimetres"),
}


class TestContent:
    """What a whole file may hold instead of a volume."""

    @pytest.mark.parametrize("what", CONTENTS)
    def test_is_refused(self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path, what: str) -> None:
        change, words = CONTENTS[what]
        detect.refuses(save(change(head_image), tmp_path / "a.nrrd"), words=words)

    @pytest.mark.parametrize("what", ["time series", "vector", "NaN", "infinite", "beyond float32", "constant"])
    def test_is_refused_as_nifti(self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path, what: str) -> None:
        change, words = CONTENTS[what]
        detect.refuses(save(change(head_image), tmp_path / "a.nii.gz"), words=words)

    @pytest.mark.parametrize("spacing", [0.0, -0.0, np.nan, np.inf])
    def test_voxel_size_in_a_nifti_header(
        self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path, spacing: float
    ) -> None:
        path = save(head_image, tmp_path / "a.nii")
        content = bytearray(path.read_bytes())
        struct.pack_into("<f", content, 84, spacing)
        path.write_bytes(content)
        detect.refuses(path, words="voxel size that is zero, negative, enormous or undefined")

    @pytest.mark.parametrize("axes", ["(1,0,0) (1,0,0) (0,0,8)", "(0,0,0) (0,4,0) (0,0,8)", "(4,0,0) (2,2,0) (0,0,8)"])
    def test_axes_that_are_no_frame(
        self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path, axes: str
    ) -> None:
        path = save(head_image, tmp_path / "a.nrrd")
        content = path.read_bytes()
        assert b"(4,0,0) (0,4,0) (0,0,8)" in content
        path.write_bytes(content.replace(b"(4,0,0) (0,4,0) (0,0,8)", axes.encode()))
        detect.refuses(path, words="perpendicular|again")


class TestNoHead:
    """A sound volume that shows no head, or none that the model could examine."""

    @pytest.mark.parametrize("kind", ["noise", "one bright voxel", "small ball", "gradient"])
    def test_is_refused(self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path, kind: str) -> None:
        values = np.zeros((14, 56, 48), np.float32)
        if kind == "noise":
            values = np.random.default_rng(1).rayleigh(10, values.shape).astype(np.float32)
        elif kind == "one bright voxel":
            values[7, 28, 24] = 1000
        elif kind == "small ball":
            z, y, x = np.mgrid[-7:7, -28:28, -24:24]
            values[x**2 + y**2 + z**2 < 9] = 100
        else:
            values += np.arange(48, dtype=np.float32)
        detect.refuses(
            save(like(head_image, values), tmp_path / "a.nii.gz"), words="No head|nothing to examine|two values only"
        )

    def test_a_head_that_is_too_small_for_the_model(
        self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path
    ) -> None:
        image = with_spacing(0.9, 0.9, 2.0)(head_image)
        detect.refuses(save(image, tmp_path / "a.nii.gz"), words="No head|nothing to examine")


class TestDicomFolder:
    """A folder that does not hold exactly one whole series."""

    @pytest.fixture
    def series(self, head_image: sitk.Image, tmp_path: Path) -> list[Path]:
        return write_dicom_series(tmp_path / "series", head_image)

    def test_without_images(self, detect: DetectCalls, tmp_path: Path) -> None:
        (tmp_path / "series").mkdir()
        (tmp_path / "series" / "DICOMDIR.txt").write_text("nothing")
        detect.refuses(tmp_path / "series", words="without DICOM images")

    def test_series_in_subfolders(self, detect: DetectCalls, series: list[Path], tmp_path: Path) -> None:
        detect.refuses(tmp_path, words="without DICOM images")

    def test_two_series(self, detect: DetectCalls, series: list[Path], head_image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path / "series", head_image, series="1.2.826.0.1.3680043.2.1125.1.2", prefix="other")
        detect.refuses(tmp_path / "series", words="2 DICOM series")

    @pytest.mark.parametrize("missing", [(12,), (5, 6), (1,)])
    def test_missing_slices(
        self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path, missing: tuple[int, ...]
    ) -> None:
        write_dicom_series(tmp_path / "series", head_image, leave_out=missing)
        detect.refuses(tmp_path / "series", words="missing or unevenly spaced")

    def test_uneven_slices(self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path / "series", head_image, shift={7: 2.0})
        detect.refuses(tmp_path / "series", words="missing or unevenly spaced")

    def test_a_slice_twice(self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path / "series", head_image, shift={7: 8.0})
        detect.refuses(tmp_path / "series", words="same position")

    def test_slices_of_two_sizes(self, detect: DetectCalls, head_image: sitk.Image, tmp_path: Path) -> None:
        write_dicom_series(tmp_path / "series", head_image, leave_out=[0])
        write_dicom_series(tmp_path / "series", head_image[4:-4, :, :], leave_out=range(1, 14))
        detect.refuses(tmp_path / "series", words="different size")

    @pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.99])
    def test_a_slice_that_is_cut_off(
        self, detect: DetectCalls, series: list[Path], tmp_path: Path, share: float
    ) -> None:
        content = series[9].read_bytes()
        series[9].write_bytes(content[: int(share * len(content))])
        detect.refuses(tmp_path / "series", words="damaged|missing")

    def test_one_slice_of_a_series(self, detect: DetectCalls, series: list[Path]) -> None:
        detect.refuses(series[3], words="one of 14 slices")

    def test_a_file_that_only_says_it_is_dicom(self, detect: DetectCalls, tmp_path: Path) -> None:
        (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 1000)
        detect.refuses(tmp_path / "a.dcm", words="is damaged or cut off")


class TestModalities:
    """Which images belong to which modality, and to one patient."""

    @pytest.mark.parametrize(
        ("names", "words"),
        [
            (("t2",), "needs the modalities flair, but t2 was given"),
            (("flair", "t2"), "needs the modalities flair, but flair, t2 was given"),
            (("flair", "flair"), "given twice"),
            (("flair", "FLAIR"), "given twice"),
            (("flair", ""), "each needs its modality"),
            (("", ""), "each needs its modality"),
        ],
    )
    def test_for_a_model_of_one(self, detect: DetectCalls, head_file: Path, names: tuple[str, ...], words: str) -> None:
        detect.refuses(*(f"{name}={head_file}" if name else head_file for name in names), words=words)

    def test_a_modality_without_a_file(self, detect: DetectCalls) -> None:
        detect.refuses("flair=", words="No file is named after 'flair='; write it as in flair=")

    @pytest.mark.parametrize(
        ("names", "words"),
        [
            (("",), "needs several modalities; name each one: flair=FILE t2=FILE"),
            (("flair",), "needs the modalities flair, t2, but flair was given"),
            (("flair", "t1"), "needs the modalities flair, t2, but flair, t1 was given"),
            (("flair", "t2", "t1"), "but flair, t2, t1 was given"),
        ],
    )
    def test_for_a_model_of_two(
        self, detect: DetectCalls, two_modality_model: Path, head_file: Path, names: tuple[str, ...], words: str
    ) -> None:
        inputs = [f"{name}={head_file}" if name else head_file for name in names]
        detect.refuses(*inputs, words=words, model=two_modality_model)

    def test_one_of_two_is_missing_on_disk(
        self, detect: DetectCalls, two_modality_model: Path, head_file: Path, tmp_path: Path
    ) -> None:
        inputs = (f"flair={head_file}", f"t2={tmp_path / 'no.nii'}")
        detect.refuses(*inputs, words="The t2 image .* does not exist", model=two_modality_model)

    def test_images_of_different_places(
        self, detect: DetectCalls, two_modality_model: Path, head_image: sitk.Image, head_file: Path, tmp_path: Path
    ) -> None:
        other = sitk.Image(head_image)
        other.SetOrigin((900.0, 0.0, 0.0))
        inputs = (f"flair={head_file}", f"t2={save(other, tmp_path / 'other.nii.gz')}")
        detect.refuses(*inputs, words="same examination", model=two_modality_model)

    def test_a_second_image_without_a_head(
        self, detect: DetectCalls, two_modality_model: Path, head_image: sitk.Image, head_file: Path, tmp_path: Path
    ) -> None:
        noise = np.random.default_rng(1).rayleigh(10, (14, 56, 48)).astype(np.float32)
        inputs = (f"flair={head_file}", f"t2={save(like(head_image, noise), tmp_path / 'noise.nii.gz')}")
        detect.refuses(*inputs, words="No head was found in the t2 image", model=two_modality_model)


def test_the_helper_sees_the_head(command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
    """The head of all these tests is good: what they refuse is refused for what they changed."""
    outcome = command("detect", head_file, "--model", tiny_model, "--output", tmp_path / "o", "--progress", "none")
    assert outcome.status == 0 and outcome.err == ""
    assert "examined slices" in outcome.out
