"""What a DICOM file says about its frames: where they lie, how large their pixels are, how their values are scaled.

Through pydicom: GDCM takes the frames of a multi-frame file as they come, and 1 mm where no pixel size is given.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom

from ..core.bounded_file import open_regular
from .dicom_file import DEFLATED, read_dataset

FloatArray = npt.NDArray[np.float64]

IMAGE_CLASS = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.(2(\.[12])?|4(\.[134])?|7(\.[1-4])?|20|128(\.1)?|130)")
"""CT, MR, secondary capture, nuclear medicine and PET images, single and multi-frame (DICOM PS3.4, B.5)."""
ANY_CLASS = b"1.2.840.10008."
META_BYTES = 1024
"""The preamble and the group that names the kind of object."""
PLAIN_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
PACKED_SYNTAXES = ("1.2.840.10008.1.2.5", *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91)))
"""RLE, JPEG, JPEG-LS and JPEG 2000 (DICOM PS3.5, A.4), which GDCM or pydicom decode."""
LARGEST_FRAME = 2**16
MOST_FRAMES = 2**16


class DamagedDicomError(Exception):
    """The file was meant to be an image, and cannot be read as one."""


@dataclass(frozen=True)
class Frame:
    """One plane of an image. What the file does not state is None."""

    file: Path
    index: int
    """In its file, from 0."""
    size: tuple[int, int]
    """Columns, rows."""
    position: FloatArray | None
    """LPS mm [3] of the first pixel."""
    orientation: FloatArray | None
    """[2, 3]: LPS directions of a row and of a column."""
    spacing: tuple[float, float] | None
    """In mm, from column to column and from row to row."""
    thickness: float | None
    slope: float
    intercept: float


@dataclass(frozen=True)
class DicomImage:
    """The frames of one file."""

    file: Path
    series: str
    frames: tuple[Frame, ...]
    colored: bool
    padding: tuple[int, int] | None
    """First and last stored value that is padding and no measurement."""
    is_decodable: bool
    """Whether its values are stored in a way that is read here."""


@dataclass(frozen=True)
class ForeignObject:
    """A DICOM file that is no image that could be examined: a report, a segmentation."""

    file: Path


def read_dicom_header(file: Path) -> DicomImage | ForeignObject | None:
    """None for a file that is no DICOM at all. Raises DamagedDicomError, OSError."""
    with open_regular(file) as stream:
        start = stream.read(META_BYTES)
    marked = start[128:132] == b"DICM"
    # Without the preamble a data set begins with one of its first two groups.
    if not marked and start[:2] not in (b"\x02\x00", b"\x08\x00"):
        return None
    try:
        with quiet_pydicom():
            return _described(*read_dataset(file, pixels=False), file)
    except OSError:
        raise
    except Exception as error:  # a damaged header fails in many ways, each time another element is read
        if _meant_as_image(start, marked):
            raise DamagedDicomError from error
        return ForeignObject(file) if marked else None


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Nothing of what pydicom finds odd, which quotes headers, reaches the terminal."""
    logger = logging.getLogger("pydicom")
    before = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            logger.setLevel(before)


def _meant_as_image(start: bytes, marked: bool) -> bool:
    if not marked:
        return False
    # The file's meta group alone: a report refers to image classes further on.
    length = int.from_bytes(start[140:144], "little")
    meta = start[144 : 144 + length]
    return IMAGE_CLASS.search(meta.decode("latin-1")) is not None or ANY_CLASS not in meta


def _described(dataset: pydicom.Dataset, left: int, file: Path) -> DicomImage | ForeignObject:
    """`left`: bytes of the file from the pixels on."""
    meta = getattr(dataset, "file_meta", pydicom.Dataset())
    kind = str(dataset.get("SOPClassUID", ""))
    stated = str(meta.get("MediaStorageSOPClassUID", kind))
    if kind != stated:
        raise ValueError("two kinds of object")
    # The oldest files do not say what they are.
    if kind and not IMAGE_CLASS.fullmatch(kind):
        return ForeignObject(file)
    rows, columns = _within(dataset.Rows, LARGEST_FRAME), _within(dataset.Columns, LARGEST_FRAME)
    count = _within(dataset.get("NumberOfFrames") or 1, MOST_FRAMES)
    bits = int(dataset.BitsAllocated)
    samples = int(dataset.get("SamplesPerPixel", 1))
    syntax = str(meta.get("TransferSyntaxUID", pydicom.uid.ImplicitVRLittleEndian))
    # A deflated file is unpacked as a whole, which fails if it is cut off; its own length says nothing.
    if syntax != DEFLATED:
        if left < 8:
            raise ValueError("no pixels")
        if syntax in PLAIN_SYNTAXES and left < (rows * columns * count * samples * bits + 7) // 8:
            raise ValueError("cut off")
    return DicomImage(
        file=file,
        series=str(dataset.get("SeriesInstanceUID", "")),
        frames=tuple(_frames(dataset, file, (columns, rows), count)),
        colored=samples != 1 or not str(dataset.get("PhotometricInterpretation", "MONOCHROME2")).startswith("MONO"),
        padding=_padding(dataset),
        is_decodable=syntax in (*PLAIN_SYNTAXES, *PACKED_SYNTAXES, DEFLATED),
    )


def _frames(dataset: pydicom.Dataset, file: Path, size: tuple[int, int], count: int) -> Iterator[Frame]:
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])
    single = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    grouped = bool(shared or single)
    if single and len(single) != count:
        raise ValueError("another number of frames than of their descriptions")
    for index in range(count):
        groups = [*single[index : index + 1], *shared[:1]]
        # What is said once about a file of several frames without such groups is said about none of them.
        whole = [] if grouped or count > 1 else [dataset]
        measures = _group(groups, "PixelMeasuresSequence") or whole
        scaling = [*_group(groups, "PixelValueTransformationSequence"), dataset]
        spacing = _numbers(measures, "PixelSpacing", 2)
        cosines = _numbers(_group(groups, "PlaneOrientationSequence") or whole, "ImageOrientationPatient", 6)
        yield Frame(
            file=file,
            index=index,
            size=size,
            position=_numbers(_group(groups, "PlanePositionSequence") or whole, "ImagePositionPatient", 3),
            orientation=None if cosines is None else cosines.reshape(2, 3),
            spacing=None if spacing is None else (float(spacing[1]), float(spacing[0])),
            thickness=_number(measures, "SliceThickness") or _number(measures, "SpacingBetweenSlices"),
            slope=_slope(_number(scaling, "RescaleSlope")),
            intercept=_or(_number(scaling, "RescaleIntercept"), 0.0),
        )


def _group(groups: list[pydicom.Dataset], name: str) -> list[pydicom.Dataset]:
    """The first item of a functional group, of the frame itself or else of all frames; [] if there is none."""
    for group in groups:
        items = list(group.get(name) or [])
        if items:
            return items[:1]
    return []


def _numbers(datasets: list[pydicom.Dataset], name: str, count: int) -> FloatArray | None:
    """The first one stated; None if it is not stated or empty."""
    for dataset in datasets:
        value = dataset.get(name)
        if value is not None and value != "":
            numbers = np.array(value, dtype=np.float64).reshape(-1)
            if len(numbers) != count or not np.isfinite(numbers).all():
                raise ValueError(f"no {count} numbers")
            return numbers
    return None


def _number(datasets: list[pydicom.Dataset], name: str) -> float | None:
    numbers = _numbers(datasets, name, 1)
    return None if numbers is None else float(numbers[0])


def _slope(number: float | None) -> float:
    if number == 0:
        raise ValueError("a slope that makes all values the same")
    return _or(number, 1.0)


def _or(number: float | None, other: float) -> float:
    return other if number is None else number


def _within(value: Any, largest: int) -> int:
    number = int(value)
    if not 1 <= number <= largest:
        raise ValueError("impossible size")
    return number


def _padding(dataset: pydicom.Dataset) -> tuple[int, int] | None:
    bits = int(dataset.get("BitsStored", dataset.BitsAllocated))
    signed = bool(dataset.get("PixelRepresentation", 0))
    ends = [
        _stored(dataset[name].value, bits, signed)
        for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        if name in dataset and dataset[name].value not in (None, "", b"")
    ]
    return (min(ends), max(ends)) if ends else None


def _stored(value: Any, bits: int, signed: bool) -> int:
    """A value whose own kind of number may be the wrong one, as the pixels' kind."""
    # Bytes where the header leaves the kind open.
    number = int.from_bytes(value, "little") if isinstance(value, bytes) else int(value)
    number %= 1 << bits
    return number - (1 << bits) if signed and number >= 1 << (bits - 1) else number
