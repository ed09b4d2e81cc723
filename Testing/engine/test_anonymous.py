"""`detect --anonymous`: the names of files and folders, perhaps a patient's, are in no file of a result."""

from __future__ import annotations

import io
import shutil
import zipfile
import zlib
from pathlib import Path

import pytest
import SimpleITK as sitk
from command_line import CommandLine
from dicom_makers import write_segmentation
from volume_makers import write_dicom_series

from anofpdm.results.case_storage import load_evidence
from anofpdm.results.findings import read_findings

NAMES = ("Doe", "DOE", "doe", "19010203")


def without_pixels(png: bytes) -> bytes:
    """The chunks of a PNG file that hold no pixels."""
    kept, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] != b"IDAT":
            kept.append(png[at : at + 12 + length])
        at += 12 + length
    assert kept[0][4:8] == b"IHDR" and kept[-1][4:8] == b"IEND"
    return b"".join(kept)


def everything(folder: Path) -> bytes:
    """All bytes of all files, and what their compressed parts unpack to."""
    found = [str(path.relative_to(folder)).encode() for path in folder.rglob("*")]
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        # Three letters come up by chance in so much compressed light and dark.
        found.append(without_pixels(content) if path.suffix == ".png" else content)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                found += [archive.read(name) for name in archive.namelist()]
        if path.suffix == ".nrrd":
            found.append(zlib.decompress(content.partition(b"\n\n")[2], 31))
        if path.suffix == ".png":
            image = sitk.ReadImage(str(path))
            found += [str({key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}).encode()]
    return b"\n".join(found)


@pytest.fixture(params=["a file", "a folder of DICOM files"])
def examined(request: pytest.FixtureRequest, head_file: Path, head_image: sitk.Image, tmp_path: Path) -> Path:
    patient = tmp_path / "Doe^Jane"
    if request.param == "a file":
        patient.mkdir()
        return Path(shutil.copy(head_file, patient / "Doe_Jane_19010203.nii.gz"))
    write_dicom_series(patient / "DOE-19010203", head_image)
    write_segmentation(patient / "DOE-19010203" / "doe_seg.dcm")
    return patient / "DOE-19010203"


def test_no_file_carries_a_name(command: CommandLine, tiny_model: Path, examined: Path, tmp_path: Path) -> None:
    call = ("detect", examined, "--model", tiny_model, "--progress", "none", "--output")
    assert command(*call, tmp_path / "named").status == 0
    assert examined.name.encode() in everything(tmp_path / "named"), "the search finds names"
    assert command(*call, tmp_path / "anonymous", "--anonymous").status == 0
    for adjusted in (False, True):
        if adjusted:
            assert command("adjust", tmp_path / "anonymous", "--guidance", "1").status == 0
        found = everything(tmp_path / "anonymous")
        assert not [name for name in NAMES if name.encode() in found]
    assert read_findings(tmp_path / "anonymous" / "findings.json")["input"]["files"] == {"flair": ""}
    assert dict(load_evidence(tmp_path / "anonymous" / "evidence.npz").run.files) == {"flair": ""}
    warnings = read_findings(tmp_path / "anonymous" / "findings.json")["warnings"]
    if examined.is_dir():
        assert any("was read without a file of the folder, which is no part of the series" in text for text in warnings)


def test_a_table(command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path) -> None:
    """Named results are computed anew, and what is kept of a case to resume from does not tell a guessed name."""
    for name in ("doe.nii.gz", "roe.nii.gz"):
        shutil.copy2(head_file, tmp_path / name)
    table, requests = tmp_path / "cases.csv", []
    call = ("detect", "--cases", table, "--model", tiny_model, "--progress", "none", "--no-overlay", "--output")
    for name, options in (("doe", ()), ("doe", ("--anonymous",)), ("roe", ("--anonymous",))):
        table.write_text(f"case,flair\n1,{name}.nii.gz\n")
        outcome = command(*call, tmp_path / "out", *options)
        assert outcome.status == 0
        requests.append(read_findings(tmp_path / "out" / "1" / "findings.json")["parameters"]["request"])
    assert "finished earlier" in outcome.out and requests[0] != requests[1] == requests[2]
    assert b"doe" not in everything(tmp_path / "out")
