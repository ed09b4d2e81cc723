"""DICOM series from a folder, and single DICOM files, through GDCM."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .geometry import FloatArray

SERIES_UID = "0020|000e"
SLICE_THICKNESS = "0018|0050"
DICOM_ENDINGS = (".dcm", ".ima")
MAXIMUM_COMPRESSION = 1000
"""Voxels for each byte of a file; no real image is packed more densely."""
META_BYTES = 1024
"""The preamble and the group that names the kind of object."""
IMAGE_CLASS = re.compile(rb"1\.2\.840\.10008\.5\.1\.4\.1\.1\.(2|4|7|128)(\.[134])*[\x00\x02]")
"""CT, MR, secondary capture and PET images, single and multi-frame, in the file's meta information."""
ANY_CLASS = b"1.2.840.10008."
DAMAGED_HEADER = "{} has a DICOM header that is damaged; export the series again."
GAP_TOLERANCE_MM = 0.1
GAP_TOLERANCE = 0.05
"""Slice distances may deviate from their median by this fraction, or by GAP_TOLERANCE_MM."""
DIRECTION_TOLERANCE = 1e-3


@dataclass(frozen=True)
class _Slice:
    """One file of a series; nothing but its geometry is kept."""

    file: str
    size: tuple[int, ...]
    spacing: FloatArray
    origin: FloatArray
    direction: FloatArray


def is_dicom_file(path: Path) -> bool:
    """Whether the file carries the DICOM preamble."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def read_dicom_folder(folder: Path, called: str) -> sitk.Image:
    """The one series in a folder, slices sorted by position.

    `called` begins every message. Raises InputError if the folder holds no or several series,
    or slices that are missing, unevenly spaced or differ in size or orientation.
    """
    series = _image_series(folder, called)
    if not series:
        raise InputError(f"{called} is a folder without DICOM images; give the folder that holds the series itself.")
    if len(series) > 1:
        raise InputError(
            f"{called} is a folder with {len(series)} DICOM series; put the wanted series into a folder of its own "
            "and give that."
        )
    (files,) = series
    if len(files) == 1:
        return _read_frames(Path(files[0]), called)
    slices = [_read_slice(file, called) for file in files]
    if any(len(s.size) > 2 and s.size[2] > 1 for s in slices):
        raise InputError(f"{called} holds several multi-frame DICOM files of one series; give one of the files.")
    ordered = _sorted_by_position(slices, called)
    return _read_slices(ordered, called)


def read_dicom_file(path: Path, called: str) -> sitk.Image:
    """A single DICOM file: multi-frame, or the only slice of its series. Raises InputError otherwise."""
    information = _file_information(str(path))
    if information is None:
        raise InputError(f"{called} cannot be read as a DICOM image; it may be damaged, cut off or not an image.")
    if information.GetDimension() < 3 or information.GetSize()[2] == 1:
        number = _slices_in_same_series(path, information, called)
        if number > 1:
            raise InputError(f"{called} is one of {number} slices of a DICOM series; give its folder instead.")
    return _read_frames(path, called)


def _read_frames(path: Path, called: str) -> sitk.Image:
    """All frames of one DICOM file, as they come. Raises InputError if it cannot be read."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        image: sitk.Image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{called} is damaged or cut off; export it again.") from error
    if image.GetDimension() == 3 and image.GetDepth() == 1 and image.HasMetaDataKey(SLICE_THICKNESS):
        # GDCM takes 1 mm where there is no second slice.
        thickness = _positive_number(image.GetMetaData(SLICE_THICKNESS))
        if thickness is not None:
            image.SetSpacing([*image.GetSpacing()[:2], thickness])
    return image


def _positive_number(text: str) -> float | None:
    try:
        number = float(text.strip(" \0"))
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _image_series(folder: Path, called: str) -> list[tuple[str, ...]]:
    """The files of every series in the folder that holds images (not reports or presentation states)."""
    found = []
    listed: set[str] = set()
    try:
        series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    except RuntimeError as error:
        raise InputError(DAMAGED_HEADER.format(called)) from error
    for uid in series:
        files = _files_of_series(folder, uid, called)
        listed.update(Path(file).name for file in files)
        if any(_file_information(file) is not None for file in files):
            found.append(tuple(files))
    # GDCM passes over files that it cannot read; a volume must not lose its first or last slice so.
    for file in folder.iterdir():
        if file.name not in listed and _is_damaged_image(file):
            raise InputError(f"{called} holds a DICOM file that is damaged or cut off; export the series again.")
    return found


def _is_damaged_image(file: Path) -> bool:
    """Whether a file that GDCM does not list was meant to be an image."""
    if not file.is_file() or file.name.startswith("."):
        return False
    with file.open("rb") as stream:
        start = stream.read(META_BYTES)
    if start[128:132] == b"DICM":
        # The file's meta group alone: a report refers to image classes further on.
        length = int.from_bytes(start[140:144], "little")
        meta = start[144 : 144 + length]
        return IMAGE_CLASS.search(meta) is not None or ANY_CLASS not in meta
    return len(start) < 132 and file.suffix.lower() in DICOM_ENDINGS


def _slices_in_same_series(path: Path, information: sitk.ImageFileReader, called: str) -> int:
    if not information.HasMetaDataKey(SERIES_UID):
        return 1
    return len(_files_of_series(path.parent, information.GetMetaData(SERIES_UID).strip(" \0"), called))


def _files_of_series(folder: Path, uid: str, called: str) -> tuple[str, ...]:
    try:
        uid.encode("utf-8")
        return tuple(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid))
    except (UnicodeEncodeError, RuntimeError) as error:
        raise InputError(DAMAGED_HEADER.format(called)) from error


def _file_information(file: str) -> sitk.ImageFileReader | None:
    """A reader that has read the file's header, or None if GDCM finds no image in it."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(file)
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    # A damaged size of many gigabytes would end the whole process when memory is short.
    if math.prod(reader.GetSize()) > MAXIMUM_COMPRESSION * Path(file).stat().st_size:
        return None
    return reader


def _read_slice(file: str, called: str) -> _Slice:
    information = _file_information(file)
    if information is None:
        raise InputError(f"{called} holds a slice that is damaged or cut off; export the series again.")
    dimension = information.GetDimension()
    if dimension != 3:
        raise InputError(f"{called} holds slices without a position in the patient; export the series again.")
    return _Slice(
        file=file,
        size=information.GetSize(),
        spacing=np.asarray(information.GetSpacing()),
        origin=np.asarray(information.GetOrigin()),
        direction=np.asarray(information.GetDirection()).reshape(3, 3),
    )


def _sorted_by_position(slices: list[_Slice], called: str) -> list[_Slice]:
    """Slices along their common normal. Raises InputError unless they make up an even stack."""
    model = slices[0]
    for other in slices:
        if not np.allclose(other.direction, model.direction, atol=DIRECTION_TOLERANCE):
            raise InputError(f"{called} holds slices of different orientation; give a folder with one volume.")
        if other.size != model.size or not np.allclose(other.spacing[:2], model.spacing[:2], rtol=1e-3):
            raise InputError(f"{called} holds slices of different size; give a folder with one volume.")
    normal = model.direction[:, 2]
    ordered = sorted(slices, key=lambda s: float(s.origin @ normal))
    origins = np.stack([s.origin for s in ordered])
    gaps = np.diff(origins @ normal)
    step = float(np.median(gaps))
    if gaps.min() < GAP_TOLERANCE_MM:
        raise InputError(
            f"{called} holds several slices at the same position; give a folder with one image per position."
        )
    tolerance = max(GAP_TOLERANCE_MM, GAP_TOLERANCE * step)
    if np.abs(gaps - step).max() > tolerance:
        raise InputError(f"{called} has missing or unevenly spaced slices; export the complete series.")
    sideways = np.diff(origins, axis=0) - gaps[:, None] * normal
    if np.linalg.norm(sideways, axis=1).max() > tolerance:
        raise InputError(f"{called} was scanned with a tilted gantry; resample it onto perpendicular axes first.")
    return ordered


def _read_slices(ordered: list[_Slice], called: str) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([s.file for s in ordered])
    # Rescale slopes may differ from slice to slice, so the first one's pixel type does not do for all.
    reader.SetOutputPixelType(sitk.sitkFloat32)
    try:
        image: sitk.Image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{called} holds a slice that is damaged or cut off; export the series again.") from error
    first, last = ordered[0], ordered[-1]
    length = float((last.origin - first.origin) @ first.direction[:, 2])
    image.SetSpacing([float(first.spacing[0]), float(first.spacing[1]), length / (len(ordered) - 1)])
    image.SetOrigin([float(o) for o in first.origin])
    image.SetDirection([float(d) for d in first.direction.ravel()])
    return image
