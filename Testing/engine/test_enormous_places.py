"""Sizes, positions and directions that no scanner writes: refused in one sentence before anything overflows, and tiny
numbers taken for the zeros that they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from dicom_makers import Plane, write
from reading_samples import refused
from volume_makers import head_like, make_image

from anofpdm.core.errors import EvidenceError, InputError
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.reading import check_volume, read_finite_volume

ENORMOUS = (1e308, -1e308, 1e200, 1e30)
VALUES = head_like((20, 20, 4))
Write = Callable[[Path, float], Path]


@pytest.fixture(autouse=True)
def _overflow_is_an_error() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # such numbers are longer than DICOM has them
        warnings.simplefilter("error", RuntimeWarning)
        yield


def _nrrd(**changes: str) -> Write:
    def write_it(folder: Path, value: float) -> Path:
        fields = {
            "type": "short",
            "dimension": "3",
            "space": "left-posterior-superior",
            "sizes": "20 20 4",
            "space directions": "(5,0,0) (0,5,0) (0,0,5)",
            "endian": "little",
            "encoding": "raw",
            "space origin": "(0,0,0)",
        }
        fields |= {name.replace("_", " "): text.format(value) for name, text in changes.items()}
        if "spacings" in fields:
            del fields["space directions"], fields["space origin"], fields["space"]
        text = "NRRD0005\n" + "".join(f"{name}: {entry}\n" for name, entry in fields.items()) + "\n"
        path = folder / "a.nrrd"
        path.write_bytes(text.encode() + VALUES.tobytes())
        return path

    return write_it


def _meta_image(**changes: str) -> Write:
    def write_it(folder: Path, value: float) -> Path:
        fields = {"NDims": "3", "DimSize": "20 20 4", "ElementType": "MET_SHORT", "ElementSpacing": "5 5 5"}
        fields |= {name: text.format(value) for name, text in changes.items()}
        text = "".join(f"{name} = {entry}\n" for name, entry in fields.items()) + "ElementDataFile = LOCAL\n"
        path = folder / "a.mha"
        path.write_bytes(text.encode() + VALUES.tobytes())
        return path

    return write_it


def _nifti(**changes: Callable[[float], object]) -> Write:
    def write_it(folder: Path, value: float) -> Path:
        header = nibabel.Nifti2Header()
        header.set_data_dtype(VALUES.dtype)
        header.set_data_shape((20, 20, 4))
        affine = np.diag([5.0, 5, 5, 1])
        header.set_qform(affine, 1)
        header.set_sform(affine, 1)
        header["vox_offset"] = 544
        header["xyzt_units"] = 1  # metres: numbers are multiplied by a thousand
        for name, change in changes.items():
            header[name] = change(value)
        path = folder / "a.nii"
        path.write_bytes(header.binaryblock + bytes(4) + VALUES.tobytes())
        return path

    return write_it


def _dicom(kind: str, change: Callable[[Plane, float], Plane]) -> Write:
    def write_it(folder: Path, value: float) -> Path:
        slices = [Plane(values, (0.0, 0.0, 5.0 * k), spacing=(5.0, 5.0)) for k, values in enumerate(VALUES)]
        slices[1] = change(slices[1], value)
        return write(kind, folder, slices)

    return write_it


def _classic(**changes: Callable[[float], object]) -> Write:
    """Of every file alike; text, as the files hold numbers."""

    def write_it(folder: Path, value: float) -> Path:
        slices = [Plane(values, (0.0, 0.0, 5.0 * k), spacing=(5.0, 5.0)) for k, values in enumerate(VALUES)]
        return write("classic", folder, slices, **{name: change(value) for name, change in changes.items()})

    return write_it


WRITERS: dict[str, Write] = {
    "NRRD step": _nrrd(space_directions="(5,0,0) (0,5,0) ({:g},0,5)"),
    "NRRD steps": _nrrd(space_directions="({0:g},0,0) (0,{0:g},0) (0,0,{0:g})"),
    "NRRD origin": _nrrd(space_origin="(0,{:g},0)"),
    "NRRD spacings": _nrrd(spacings="5 5 {:g}"),
    "MetaImage spacing": _meta_image(ElementSpacing="5 {:g} 5"),
    "MetaImage offset": _meta_image(Offset="0 0 {:g}"),
    "MetaImage matrix": _meta_image(TransformMatrix="1 0 0 0 {:g} 0 0 0 1"),
    "MetaImage matrix throughout": _meta_image(TransformMatrix=" ".join(["{0:g}"] * 9)),
    "NIfTI pixdim": _nifti(pixdim=lambda v: [1, 5, v, 5, 1, 1, 1, 1]),
    "NIfTI pixdim, qform": _nifti(pixdim=lambda v: [1, 5, v, 5, 1, 1, 1, 1], sform_code=lambda v: 0),
    "NIfTI no form": _nifti(pixdim=lambda v: [1, 5, v, 5, 1, 1, 1, 1], sform_code=lambda v: 0, qform_code=lambda v: 0),
    "NIfTI sform": _nifti(srow_x=lambda v: [v, 0, 0, 0]),
    "NIfTI sform throughout": _nifti(**{f"srow_{axis}": lambda v: [v, v, -v, 0] for axis in "xyz"}),
    "NIfTI sform origin": _nifti(srow_y=lambda v: [0, 5, 0, v]),
    "NIfTI qform origin": _nifti(qoffset_z=lambda v: v, sform_code=lambda v: 0),
    "NIfTI quaternion": _nifti(quatern_c=lambda v: v, sform_code=lambda v: 0),
    "DICOM frame position": _dicom("enhanced", lambda p, v: replace(p, position=(v, v, 5.0))),
    "DICOM frame orientation": _dicom("enhanced", lambda p, v: replace(p, orientation=(v, v, 0, 0, v, v))),
    "DICOM frame spacing": _dicom("enhanced", lambda p, v: replace(p, spacing=(v, v))),
    "DICOM position": _classic(ImagePositionPatient=lambda v: [f"{v:g}"] * 3),
    "DICOM orientation": _classic(ImageOrientationPatient=lambda v: [f"{v:g}"] * 6),
    "DICOM spacing": _classic(PixelSpacing=lambda v: [f"{v:g}", f"{v:g}"]),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_is_refused(tmp_path: Path, kind: str) -> None:
    for number, value in enumerate(ENORMOUS):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = WRITERS[kind](folder, value)
        refused(path, " ")
        # A mask may have any size, but no such one.
        with pytest.raises(InputError):
            read_finite_volume(path, "mask")


@pytest.mark.parametrize("count", [1, 4])
def test_thickness(tmp_path: Path, count: int) -> None:
    """That of a single slice counts; several slices have their positions."""
    slices = [Plane(values, (0.0, 0.0, 5.0 * k), spacing=(5.0, 5.0)) for k, values in enumerate(VALUES[:count])]
    path = write("classic", tmp_path, slices, SliceThickness="1e308")
    if count == 1:
        refused(path, "voxel size")
    else:
        read_finite_volume(path, "mask")


def test_an_image_in_memory_is_refused() -> None:
    for value in (1e308, 1e200):
        for changed in ({"spacing": (5.0, value, 5.0)}, {"origin": (0.0, 0.0, value)}):
            with pytest.raises(InputError, match=r"size|position"):
                check_volume(make_image(VALUES, **{"spacing": (5.0, 5.0, 5.0), **changed}), "flair")


@pytest.mark.parametrize("key", ["spacing", "origin", "direction"])
def test_a_stored_geometry_is_refused(key: str) -> None:
    record = VolumeGeometry.from_image(sitk.Image(4, 4, 4, sitk.sitkUInt8)).to_dict()
    for value in ENORMOUS:
        with pytest.raises(EvidenceError, match="damaged"):
            VolumeGeometry.from_dict({**record, key: [value] * len(record[key])})


TINY = (5e-324, -1e-310, 1e-200)


@pytest.mark.parametrize(
    "made",
    [
        _meta_image(TransformMatrix="-1 {0:g} 0 0 -1 0 {0:g} 0 1"),
        _nrrd(space_directions="(-5,{0:g},0) (0,-5,0) ({0:g},0,5)"),
        _nifti(pixdim=lambda v: [1, 0.005, 0.005, 0.005, 1, 1, 1, 1], srow_x=lambda v: [0.005, v, v, 0],
               srow_y=lambda v: [0, 0.005, 0, 0], srow_z=lambda v: [0, v, 0.005, 0]),
    ],
    ids=["MetaImage", "NRRD", "NIfTI"],
)  # fmt: skip
def test_vanishing_cosines(tmp_path: Path, capfd: pytest.CaptureFixture[str], made: Write) -> None:
    for number, value in enumerate(TINY):
        folder = tmp_path / str(number)
        folder.mkdir()
        cosines = np.abs(read_finite_volume(made(folder, value), "mask").GetDirection())
        np.testing.assert_allclose(cosines, np.eye(3).ravel(), atol=1e-12)
        assert not ((cosines > 0) & (cosines < 1e-100)).any()
    assert capfd.readouterr() == ("", "")


def test_vanishing_cosines_of_a_stored_geometry(capfd: pytest.CaptureFixture[str]) -> None:
    record = {"size": [20, 20, 4], "spacing": [6, 6, 10], "origin": [0, 0, 0]}
    for value in TINY:
        geometry = VolumeGeometry.from_dict({**record, "direction": [-1, value, 0, 0, -1, 0, 0, 0, 1]})
        image = geometry.to_image_like(VALUES)
        assert image.TransformPhysicalPointToIndex((-12, -12, 20)) == (2, 2, 2)
    assert capfd.readouterr() == ("", "")
