"""DICOM files made with pydicom: slices of a head as one multi-frame file or as a classic series, faulty on request."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import ExplicitVRLittleEndian

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
SECRET = "SECRET^PATIENT"


_numbers = itertools.count(10**12)


def new_uid() -> str:
    """Another one each time, of always the same length: equal files have headers of equal length."""
    return f"1.2.826.0.1.3680043.8.498.{next(_numbers)}"


@dataclass(frozen=True)
class Plane:
    """One slice: stored values [rows, columns] int16 and where they lie."""

    values: npt.NDArray[np.int16]
    position: tuple[float, ...]
    """LPS mm."""
    orientation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    spacing: tuple[float, float] = (3.0, 3.0)
    """In mm, from row to row and from column to column, as DICOM has them."""
    slope: float | None = None
    intercept: float = 0.0


def planes(image: sitk.Image) -> list[Plane]:
    """The slices of an int16 image from first to last."""
    direction = np.asarray(image.GetDirection()).reshape(3, 3)
    i, j, _ = image.GetSpacing()
    return [
        Plane(
            values=values,
            position=tuple(round(x, 6) for x in image.TransformIndexToPhysicalPoint((0, 0, k))),
            orientation=(*direction[:, 0], *direction[:, 1]),
            spacing=(j, i),
        )
        for k, values in enumerate(sitk.GetArrayFromImage(image))
    ]


def with_slopes(slices: Sequence[Plane], slopes: Sequence[float]) -> list[Plane]:
    """The same values, stored divided by a slope each."""
    return [
        replace(plane, values=np.rint(plane.values / slope).astype(np.int16), slope=slope)
        for plane, slope in zip(slices, slopes, strict=True)
    ]


def write_enhanced(path: Path, slices: Sequence[Plane], *, groups: bool = True, **changes: Any) -> Path:
    """One file with all slices as frames, in the given order; `changes`: attributes of the whole file."""
    dataset = _dataset(ENHANCED_MR, slices[0].values.shape)
    dataset.NumberOfFrames = len(slices)
    if groups:
        dataset.SharedFunctionalGroupsSequence = [Dataset()]
        dataset.PerFrameFunctionalGroupsSequence = [_groups(plane) for plane in slices]
    _change(dataset, changes)
    dataset.PixelData = np.stack([plane.values for plane in slices]).astype("<i2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_classic(folder: Path, slices: Sequence[Plane], **changes: Any) -> list[Path]:
    """One file a slice; `changes`: attributes of every file, None takes one out."""
    folder.mkdir(parents=True, exist_ok=True)
    series, paths = new_uid(), []
    for number, plane in enumerate(slices):
        dataset = _dataset(MR, plane.values.shape)
        dataset.SeriesInstanceUID = series
        dataset.InstanceNumber = number + 1
        dataset.ImagePositionPatient = [f"{x:.6f}" for x in plane.position]
        dataset.ImageOrientationPatient = [f"{x:.8f}" for x in plane.orientation]
        dataset.PixelSpacing = [f"{x:.6f}" for x in plane.spacing]
        dataset.SliceThickness = "5"
        if plane.slope is not None:
            dataset.RescaleSlope, dataset.RescaleIntercept = plane.slope, plane.intercept
        dataset.PixelData = plane.values.astype("<i2").tobytes()
        _change(dataset, changes)
        paths.append(folder / f"IM{(number * 37) % 100:04d}_{number}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def write(kind: str, folder: Path, slices: Sequence[Plane], **changes: Any) -> Path:
    """What is given to the reader: a file of frames, or the folder of a series."""
    if kind == "enhanced":
        return write_enhanced(folder / "frames.dcm", slices, **changes)
    write_classic(folder, slices, **changes)
    return folder


def shifted(plane: Plane, *by: float) -> Plane:
    return replace(plane, position=tuple(np.add(plane.position, by)))


def write_segmentation(path: Path, compressed: bool = True) -> Path:
    """A segmentation of one bit a pixel, beside the series that it belongs to."""
    dataset = _dataset(SEGMENTATION, (16, 16))
    dataset.Modality, dataset.NumberOfFrames = "SEG", 2
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = dataset.PixelRepresentation = 0
    dataset.PixelData = bytes(64)
    if compressed:
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
        dataset.PixelData = encapsulate([bytes(64), bytes(64)])
        dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


def compress(path: Path, compressor: str) -> None:
    """In place: pixels compressed by GDCM (JPEG: lossless; JPEG2000) or, RLE, by pydicom; or the whole file `deflated`,
    or with its bytes `swapped`."""
    dataset = pydicom.dcmread(path)
    if compressor == "deflated":
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
        dataset.save_as(path, enforce_file_format=True)
        return
    if compressor == "swapped":
        dataset.PixelData = dataset.pixel_array.astype(">i2").tobytes()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
        pydicom.dcmwrite(path, dataset, little_endian=False, implicit_vr=False)
        return
    if compressor == "RLE":
        dataset.compress(pydicom.uid.RLELossless)
        dataset.save_as(path)
        return
    pieces = []
    for frame in dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns):
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetUseCompression(True)
        writer.SetCompressor(compressor)
        single = path.with_name("single.dcm")
        writer.SetFileName(str(single))
        writer.Execute(sitk.GetImageFromArray(frame[None]))
        packed = pydicom.dcmread(single)
        single.unlink()
        pieces += list(generate_frames(io.BytesIO(packed.PixelData), number_of_frames=1))
    dataset.PixelData = encapsulate(pieces)
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
    dataset.save_as(path, enforce_file_format=True)


def _dataset(kind: str, shape: tuple[int, ...]) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = kind
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = new_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = new_uid(), new_uid()
    dataset.Modality, dataset.PatientName, dataset.PatientBirthDate = "MR", SECRET, "19010203"
    dataset.SeriesNumber, dataset.InstanceNumber = 5, 1
    dataset.Rows, dataset.Columns = shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    return dataset


def _groups(plane: Plane) -> Dataset:
    """The functional groups of one frame."""
    place, axes, pixels, groups = Dataset(), Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient = [f"{x:.6f}" for x in plane.position]
    axes.ImageOrientationPatient = [f"{x:.8f}" for x in plane.orientation]
    pixels.PixelSpacing, pixels.SliceThickness = [f"{x:.6f}" for x in plane.spacing], "5"
    groups.PlanePositionSequence, groups.PlaneOrientationSequence = [place], [axes]
    groups.PixelMeasuresSequence = [pixels]
    if plane.slope is not None:
        scaling = Dataset()
        scaling.RescaleSlope, scaling.RescaleIntercept, scaling.RescaleType = plane.slope, plane.intercept, "US"
        groups.PixelValueTransformationSequence = [scaling]
    return groups


def _change(dataset: Dataset, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
