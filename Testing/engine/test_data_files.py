"""Which files a volume consists of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from anofpdm.volumes.data_files import data_files


def names(path: Path) -> list[str]:
    return [str(file.relative_to(path if path.is_dir() else path.parent)) for file in data_files(path)]


def touch(folder: Path, *files: str) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"x")


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd", "scan.mhd", "scan.nhdr", "scan.hdr"])
def test_all_that_a_writer_leaves(tmp_path: Path, name: str) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((4, 4, 4), np.int16)), str(tmp_path / name))
    written = sorted(path.name for path in tmp_path.iterdir())
    touch(tmp_path, "scanner.raw", "other.nii.gz")
    assert names(tmp_path / name) == written


def test_a_folder_is_its_content(tmp_path: Path) -> None:
    touch(tmp_path, "b", "a")
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        ("a.mhd", "NDims = 3\nElementDataFile = data/other.raw\n", ["a.mhd", "data/other.raw"]),
        ("a.mhd", "NDims = 3\r\nElementDataFile=other.raw\r\n", ["a.mhd", "other.raw"]),
        ("a.mhd", "ElementDataFile = LIST 2\nother.raw\ns1.raw\n", ["a.mhd", "other.raw", "s1.raw"]),
        ("a.mhd", "ElementDataFile = s%d.raw 1 2 1\n", ["a.mhd", "s1.raw", "s2.raw"]),
        ("a.mhd", "ElementDataFile = gone.raw\n", ["a.mhd"]),
        ("a.mhd", "ElementDataFile = LOCAL\n", ["a.mhd"]),
        ("a.mhd", "no header at all", ["a.mhd"]),
        ("a.mhd", "ElementDataFile = \0\n", ["a.mhd"]),
        ("a.nhdr", "NRRD0004\ndata file: my data.raw\n", ["a.nhdr", "my data.raw"]),
        ("a.nhdr", "NRRD0004\ndatafile: s%03d.raw 1 2 1 2\n", ["a.nhdr", "s1.raw", "s2.raw"]),
        ("a.nhdr", "NRRD0004\ndata file: LIST\ns1.raw\ns2.raw\n", ["a.nhdr", "s1.raw", "s2.raw"]),
    ],
)
def test_what_a_header_names(tmp_path: Path, header: str, text: str, expected: list[str]) -> None:
    touch(tmp_path, "data/other.raw", "other.raw", "s1.raw", "s2.raw", "sx.raw", "my data.raw")
    (tmp_path / header).write_bytes(text.encode())
    assert names(tmp_path / header) == expected


def test_a_missing_file_has_none(tmp_path: Path) -> None:
    assert data_files(tmp_path / "no.nii") == []
    with pytest.raises(OSError):
        data_files(tmp_path / "nowhere" / "no.nii")
