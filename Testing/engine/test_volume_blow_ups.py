"""Small files that claim, or unpack to, more than any volume: refused before their values are read."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_makers import compress, planes, write_classic
from reading_samples import refused
from volume_makers import head_like, make_image

from anofpdm.core.errors import InputError
from anofpdm.volumes import dicom_values
from anofpdm.volumes.data_files import data_files
from anofpdm.volumes.dicom_file import DEFLATED, LARGEST_INFLATED
from anofpdm.volumes.dicom_values import stored_values
from anofpdm.volumes.reading import read_finite_volume, read_volume

MOST_BYTES = 1 << 25
PIPES = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """No refusal of these tests takes more than a small file does."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_BYTES


def small() -> sitk.Image:
    return make_image(head_like(), (4.0, 4.0, 6.0))


def nifti(path: Path, **header: object) -> Path:
    """A sound file whose header is changed: `dim`, `pixdim`, `vox_offset`."""
    sitk.WriteImage(small(), str(path.with_name("sound.nii")))
    content = bytearray(path.with_name("sound.nii").read_bytes())
    for name, place, kind in (
        ("dim", 42, "<i2"),
        ("pixdim", 80, "<f4"),
        ("srow", 280, "<f4"),
        ("vox_offset", 108, "<f4"),
    ):
        if name in header:
            values = np.array(header[name], kind).tobytes()
            content[place : place + len(values)] = values
    path.write_bytes(gzip.compress(bytes(content)))
    return path


class TestNifti:
    """Packed volumes"""

    def test_more_voxels_than_any_head(self, tmp_path: Path) -> None:
        refused(nifti(tmp_path / "a.nii.gz", dim=[2048, 2048, 1024]), "claims to have more voxels than any head scan")

    def test_larger_than_any_head(self, tmp_path: Path) -> None:
        """Asked before the values: these are cut off, too."""
        wide = {"srow": [4.0, 0, 0, 0, 0, 4.0, 0, 0, 0, 0, 6.0, 0]}
        refused(nifti(tmp_path / "a.nii.gz", dim=[300, 40, 40], **wide), "does not have the size of a head")
        refused(nifti(tmp_path / "a.nii.gz", dim=[12, 12, 400], **wide), "too few voxels")

    def test_a_mask_may_have_any_size_but_not_too_many_voxels(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="more voxels"):
            read_finite_volume(nifti(tmp_path / "a.nii.gz", dim=[2048, 2048, 1024]), "mask")

    def test_values_that_begin_far_off(self, tmp_path: Path) -> None:
        path = nifti(tmp_path / "a.nii.gz", vox_offset=[2.0**31])
        path.write_bytes(path.read_bytes() + bytes(1 << 22))
        refused(path, "does not say where its values begin")


class TestNrrd:
    """Packed, as text, and in lines"""

    def nrrd(self, path: Path, content: bytes, **fields: str) -> Path:
        header = {
            "type": "short", "dimension": "3", "sizes": "48 40 12", "encoding": "raw", "endian": "little",
            "space": "LPS", "space directions": "(4,0,0) (0,4,0) (0,0,6)",
        } | fields  # fmt: skip
        text = "".join(f"{name.replace('_', ' ')}: {value}\n" for name, value in header.items())
        path.write_bytes(b"NRRD0004\n" + text.encode() + b"\n" + content)
        return path

    @pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "text", "hex"])
    def test_more_voxels_than_any_head(self, tmp_path: Path, encoding: str) -> None:
        path = self.nrrd(tmp_path / "a.nrrd", b"1 2 3", encoding=encoding, sizes="2048 2048 1024")
        refused(path, "claims to have more voxels than any head scan")

    @pytest.mark.parametrize("encoding", ["text", "hex"])
    def test_what_is_not_there_is_not_reserved(self, tmp_path: Path, encoding: str) -> None:
        sizes, steps = "200 200 100", "(1,0,0) (0,1,0) (0,0,1)"
        path = self.nrrd(tmp_path / "a.nrrd", b"1 2 3", encoding=encoding, sizes=sizes, space_directions=steps)
        refused(path, "damaged, cut off")

    def test_larger_than_any_head(self, tmp_path: Path) -> None:
        refused(self.nrrd(tmp_path / "a.nrrd", b"", sizes="300 40 40"), "does not have the size of a head")

    @pytest.mark.parametrize(
        "fields",
        [
            {"byte skip": str(10**12), "encoding": "gzip"},
            {"line skip": str(10**12)},
            {"data file": "%d" * 30_000 + " " * 30_000},
            {"space directions": "(1,0,0) " + " " * 900_000 + "x"},
        ],
        ids=["bytes", "lines", "pattern", "spaces"],
    )
    def test_no_long_search(self, tmp_path: Path, fields: dict[str, str]) -> None:
        refused(self.nrrd(tmp_path / "a.nrrd", gzip.compress(b"\n" * 100), **fields), "damaged, cut off")

    def test_numbers_as_text_come_as_they_are(self, tmp_path: Path) -> None:
        """Words that cross the blocks, in which the text is read."""
        values = head_like().ravel()
        text = ("\n" * (1 << 20) + " ".join(map(str, values)) + " ").encode()
        image = read_volume(self.nrrd(tmp_path / "a.nrrd", text, encoding="text"), "flair")
        assert np.array_equal(sitk.GetArrayFromImage(image).ravel(), values)


class TestMetaImage:
    """Headers"""

    def meta(self, path: Path, size: str, spacing: str = "4 4 6", more: str = "") -> Path:
        path.write_text(
            f"ObjectType = Image\nNDims = 3\nDimSize = {size}\nElementSpacing = {spacing}\nElementType = MET_DOUBLE\n"
            f"{more}CompressedData = True\nElementDataFile = LOCAL\n"
        )
        path.write_bytes(path.read_bytes() + zlib.compress(bytes(1 << 20)))
        return path

    def test_more_voxels_than_any_head(self, tmp_path: Path) -> None:
        refused(self.meta(tmp_path / "a.mha", "2048 2048 1024"), "claims to have more voxels than any head scan")

    def test_larger_than_any_head(self, tmp_path: Path) -> None:
        refused(self.meta(tmp_path / "a.mha", "300 40 40"), "does not have the size of a head")

    @pytest.mark.parametrize("line", [" " * 60_000, "Comment" + " " * 60_000 + "x", "=" * 60_000])
    def test_no_long_search(self, tmp_path: Path, line: str) -> None:
        path = self.meta(tmp_path / "a.mha", "48 40 12", more=f"{line}\n")
        with pytest.raises(InputError):
            read_volume(path, "flair")
        assert data_files(path.rename(tmp_path / "a.mhd")) == [tmp_path / "a.mhd"]


class TestDicom:
    """Lengths, and frames that say another size of themselves than the header does"""

    @pytest.fixture
    def series(self, tmp_path: Path) -> Path:
        folder = tmp_path / "series"
        write_classic(folder, planes(small()))
        return folder

    @pytest.mark.parametrize("length", [0xFFFFFFFE, 0xFFFFFFFF])
    @pytest.mark.parametrize("kind", [b"OB", b"UN", b"OW"])
    def test_an_element_of_four_gigabytes(self, series: Path, kind: bytes, length: int) -> None:
        element = b"\x09\x00\x10\x10" + kind + b"\0\0" + length.to_bytes(4, "little")
        for file in series.iterdir():
            content = file.read_bytes()
            place = content.index(b"\x10\x00\x10\x00")
            file.write_bytes(content[:place] + element + content[place:])
        with pytest.raises(InputError):
            read_volume(series, "flair")

    @pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG"])
    def test_frames_of_another_size_reach_no_decoder(
        self, series: Path, compressor: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = sorted(series.iterdir())[0]
        compress(file, compressor)
        columns, rows = 48, 40
        assert stored_values(file).shape == (1, rows, columns)
        monkeypatch.setattr(dicom_values, "_decompressed", lambda *given: pytest.fail("a decoder was called"))
        content = file.read_bytes()
        begin = content.rindex(b"\xff\x4f\xff\x51" if compressor == "JPEG2000" else b"\xff\xd8\xff")
        size = (columns if compressor == "JPEG2000" else rows).to_bytes(2, "big")
        place = content.index(size, begin)
        for damaged in (b"\x7a" + size[1:], b"\0\1", b"\xff\xff"):
            file.write_bytes(content[:place] + damaged + content[place + 2 :])
            refused(series, "damaged or cut off")

    def test_a_deflated_bomb(self, series: Path) -> None:
        file = sorted(series.iterdir())[0]
        dataset = pydicom.dcmread(file)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(DEFLATED)
        dataset.save_as(file, enforce_file_format=True)
        assert stored_values(file).shape == (1, 40, 48)
        content = file.read_bytes()
        begin = 144 + int.from_bytes(content[140:144], "little")
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = packer.compress(zlib.decompress(content[begin:], -zlib.MAX_WBITS)[:-1])
        for _ in range(LARGEST_INFLATED >> 20):
            body += packer.compress(bytes(1 << 20))
        file.write_bytes(content[:begin] + body + packer.flush())
        assert file.stat().st_size < 1 << 20
        refused(series, "damaged or cut off")


@PIPES
class TestPipes:
    """Named pipes, whose end may never come"""

    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.dcm", "a"])
    def test_as_the_image(self, tmp_path: Path, name: str) -> None:
        os.mkfifo(tmp_path / name)
        refused(tmp_path / name, "neither a file nor a folder")
        assert data_files(tmp_path / name) == []

    def test_beside_a_series(self, tmp_path: Path) -> None:
        write_classic(tmp_path / "series", planes(small()))
        os.mkfifo(tmp_path / "series" / "pipe.dcm")
        assert read_volume(tmp_path / "series", "flair").GetSize() == (48, 40, 12)

    def test_as_the_data(self, tmp_path: Path) -> None:
        sitk.WriteImage(small(), str(tmp_path / "a.nhdr"))
        data = tmp_path / "a.raw"
        data = data if data.exists() else tmp_path / "a.raw.gz"
        data.unlink()
        os.mkfifo(data)
        refused(tmp_path / "a.nhdr", "names a data file that is not there")
