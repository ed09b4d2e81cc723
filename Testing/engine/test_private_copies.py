"""Reading an image leaves no copy of it behind, even where the process is killed."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pydicom
import pytest
import SimpleITK as sitk
from command_line import CommandLine
from dicom_makers import compress, planes, write_classic
from dying import NEEDS_FORK, dies

from anofpdm.core.errors import DiskFull
from anofpdm.volumes.reading import read_noted_volume

FILES = ["a.nii", "a.nii.gz", "a.nrrd", "z.nrrd", "a.nhdr", "a.mha", "z.mha", "a.mhd", "z.mhd"]
"""z: compressed."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def compressed_series(head_image: sitk.Image, tmp_path: Path) -> Path:
    for file in write_classic(tmp_path / "series", planes(head_image)):
        compress(file, "JPEG")
    return tmp_path / "series"


@NEEDS_FORK
@pytest.mark.parametrize("name", [*FILES, "series"])
def test_no_copy_is_made(temporary: Path, head_image: sitk.Image, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "series":
        write_classic(path, planes(head_image))
    else:
        sitk.WriteImage(head_image, str(path), name.startswith("z"))
    assert not dies(lambda: read_noted_volume(path, "flair"), lambda step: True), "nothing is written"


@NEEDS_FORK
def test_pixels_that_a_library_takes_from_a_file(
    temporary: Path, compressed_series: Path, command: CommandLine
) -> None:
    """They lie in the user's private folder, which the next command clears."""
    assert dies(lambda: read_noted_volume(compressed_series, "flair"), lambda step: step[0] == "os.remove")
    (copy,) = [path for path in temporary.rglob("*") if path.suffix == ".dcm"]
    assert copy.relative_to(temporary).parts[0].startswith("AnoFPDM")
    assert os.stat(copy.parent.parent).st_mode & 0o077 == 0
    assert "PatientName" not in pydicom.dcmread(copy)
    assert command("models", "list").status == 0
    assert list(temporary.iterdir()) == []


def test_a_full_temporary_disk_is_named(
    temporary: Path, compressed_series: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would fail every other image of a table, too."""

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pydicom, "dcmwrite", full)
    with pytest.raises(DiskFull, match=f"The disk of the temporary folder {temporary} is full; free some space"):
        read_noted_volume(compressed_series, "flair")
    assert list(temporary.iterdir()) == []
