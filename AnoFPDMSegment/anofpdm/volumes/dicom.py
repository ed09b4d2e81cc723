"""DICOM series from a folder, and single DICOM files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.errors import InputError
from ..core.progress import CancelToken
from .dicom_header import DamagedDicomError, DicomImage, ForeignObject, read_dicom_header
from .dicom_stack import even_stack
from .dicom_values import stored_values
from .file_kinds import DICOM_ENDINGS
from .grid_check import GridCheck, any_grid
from .nifti_file import SEVERAL_VALUES
from .padding import fill_padding
from .value_stream import LARGEST_IMAGE_VOXELS, TOO_MANY_VOXELS, to_float32
from .volume import Volume

DAMAGED_FILE = "{} holds a DICOM file that is damaged or cut off; export the series again."

NO_DECODER = "{} is compressed in a rare way that is not read here, or damaged; export it uncompressed."


def read_dicom_folder(
    folder: Path, called: str, cancel: CancelToken | None = None, check_grid: GridCheck = any_grid
) -> Volume:
    """The one series in a folder, slices sorted by position; what else lies there is skipped and named.

    `called` begins every message. Raises InputError if the folder holds no or several series,
    or slices that are missing, unevenly spaced or differ in size or orientation; Cancelled.
    """
    series, skipped = _series(folder, called, cancel)
    if not series:
        raise InputError(f"{called} is a folder without DICOM images; give the folder that holds the series itself.")
    gray = [images for images in series if not any(image.colored for image in images)]
    if len(gray) == 1:
        skipped += [image.file for images in series if images is not gray[0] for image in images]
        series = gray
    if len(series) > 1:
        raise InputError(
            f"{called} is a folder with {len(series)} DICOM series; put the wanted series into a folder of its own "
            "and give that."
        )
    (images,) = series
    if len(images) > 1 and any(len(image.frames) > 1 for image in images):
        raise InputError(f"{called} holds several multi-frame DICOM files of one series; give one of the files.")
    volume = _read_stack(images, called, DAMAGED_FILE, cancel, check_grid)
    return Volume(volume.image, volume.warnings, skipped=tuple(file.name for file in skipped))


def read_dicom_file(
    path: Path, called: str, cancel: CancelToken | None = None, check_grid: GridCheck = any_grid
) -> Volume:
    """A single DICOM file: multi-frame, or the only slice of its series. Raises InputError otherwise; Cancelled."""
    try:
        image = read_dicom_header(path)
    except DamagedDicomError as error:
        raise InputError(f"{called} is damaged or cut off; export it again.") from error
    if not isinstance(image, DicomImage):
        raise InputError(f"{called} cannot be read as a DICOM image; it may be damaged, cut off or not an image.")
    if len(image.frames) == 1:
        number = _slices_in_same_series(path, image, cancel)
        if number > 1:
            raise InputError(f"{called} is one of {number} slices of a DICOM series; give its folder instead.")
    return _read_stack([image], called, "{} is damaged or cut off; export it again.", cancel, check_grid)


def _series(folder: Path, called: str, cancel: CancelToken | None) -> tuple[list[list[DicomImage]], list[Path]]:
    """The images by series, and DICOM files that are none."""
    found: dict[str, list[DicomImage]] = {}
    foreign = []
    for file in sorted(folder.iterdir()):
        if cancel is not None:
            cancel.raise_if_cancelled()
        # An index of the medium; names of the file system's own begin with a period.
        if not file.is_file() or file.name.startswith(".") or file.name.upper() == "DICOMDIR":
            continue
        try:
            read = read_dicom_header(file)
        except DamagedDicomError as error:
            raise InputError(DAMAGED_FILE.format(called)) from error
        if isinstance(read, DicomImage):
            found.setdefault(read.series, []).append(read)
        elif isinstance(read, ForeignObject):
            foreign.append(file)
        elif file.suffix.lower() in DICOM_ENDINGS:
            # A volume must not lose its first or last slice to a file that is not recognized any more.
            raise InputError(DAMAGED_FILE.format(called))
    return list(found.values()), foreign


def _slices_in_same_series(path: Path, image: DicomImage, cancel: CancelToken | None) -> int:
    count = 0
    for file in path.parent.iterdir():
        if cancel is not None:
            cancel.raise_if_cancelled()
        if file.name.startswith(".") or not file.is_file():
            continue
        try:
            other = read_dicom_header(file)
        except (DamagedDicomError, OSError):
            # A neighbor that cannot be read says nothing about this one.
            continue
        count += isinstance(other, DicomImage) and other.series == image.series
    return count


def _read_stack(
    images: Sequence[DicomImage], called: str, damaged: str, cancel: CancelToken | None, check_grid: GridCheck
) -> Volume:
    """All frames of the files as one volume."""
    if any(image.colored for image in images):
        raise InputError(SEVERAL_VALUES.format(called))
    if not all(image.is_decodable for image in images):
        raise InputError(NO_DECODER.format(called))
    stack = even_stack([frame for image in images for frame in image.frames], called)
    columns, rows = stack.frames[0].size
    if columns * rows * len(stack.frames) > LARGEST_IMAGE_VOXELS:
        raise InputError(TOO_MANY_VOXELS.format(called))
    check_grid((columns, rows, len(stack.frames)), stack.placement.spacing)
    values = np.empty((len(stack.frames), rows, columns), dtype=np.float32)
    padding = np.zeros(values.shape, dtype=bool) if any(image.padding for image in images) else None
    places = {(frame.file, frame.index): place for place, frame in enumerate(stack.frames)}
    for image in images:
        if cancel is not None:
            cancel.raise_if_cancelled()
        try:
            stored = stored_values(image.file)
        except DamagedDicomError as error:
            raise InputError(damaged.format(called)) from error
        for frame, plane in zip(image.frames, stored, strict=True):
            place = places[frame.file, frame.index]
            values[place] = to_float32(plane, frame.slope, frame.intercept)
            if padding is not None and image.padding is not None:
                low, high = image.padding
                padding[place] = (plane >= low) & (plane <= high)
    if padding is not None:
        across, down, between = stack.placement.spacing.tolist()
        fill_padding(values, padding, 0, (between, down, across))
    return Volume(stack.placement.image_of(values))
