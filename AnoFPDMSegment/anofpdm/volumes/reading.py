"""Volumes from files and folders, checked before anything is computed from them.

No message carries anything from a file's header: only the path that the user gave.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..core.errors import DiskFull, InputError
from ..core.full_disk import is_full_disk
from ..core.progress import CancelToken
from .file_kinds import DICOM_ENDINGS, IMAGE_IO_BY_ENDING, has_dicom_mark
from .grid_check import GridCheck, any_grid, head_grid
from .head import axis_of_slices
from .meta_image_file import read_meta_image
from .nifti_file import COMPLEX_NUMBERS, PICTURE, SEVERAL_VALUES, SEVERAL_VOLUMES, read_nifti
from .nrrd_reading import read_nrrd
from .padding import far_constant, fill_padding
from .placement import NO_VOXEL_SIZE, UNDEFINED_PLACE, is_within_reach, sound_direction
from .volume import Volume

MOST_NAMED = 3
"""Of the files that are passed over."""
NOT_FINITE = "{} holds values that are infinite, undefined or too large; replace them first."

# ITK's warnings quote header entries.
sitk.ProcessObject.SetGlobalWarningDisplay(False)


def read_volume(path: str | Path, name: str) -> sitk.Image:
    """The image of `read_noted_volume`, for callers that have no use for what its file left open."""
    return read_noted_volume(path, name).image


def read_noted_volume(
    path: str | Path, name: str, cancel: CancelToken | None = None, *, anonymous: bool = False
) -> Volume:
    """Read one scalar 3-D volume of a head as float32, without its header entries.

    `path` is a NIfTI, NRRD or MetaImage file, a DICOM file, or the folder of one DICOM series;
    `name` (a modality) goes into messages. Raises InputError, in one sentence, if there is
    nothing usable; Cancelled while it reads. The warnings are whole sentences; `anonymous` ones name no file.
    """
    called = f"The {name} image {path}"
    volume = _read_any(Path(path), called, cancel, head_grid(called))
    image, told = _without_far_constant(_checked(volume.image, called))
    skipped = [_without(volume.skipped, anonymous=anonymous)] if volume.skipped else []
    warnings = tuple(f"The {name} image {warning}" for warning in (*volume.warnings, *skipped, *told))
    return Volume(image, warnings, volume.side_known, volume.skipped)


def _without(skipped: Sequence[str], *, anonymous: bool) -> str:
    named = [] if anonymous else [f"'{name}'" for name in skipped[:MOST_NAMED]]
    more = len(skipped) - len(named)
    if not named:
        names = "a file of the folder" if more == 1 else f"{more} files of the folder"
    else:
        names = ", ".join(named) + (f" and {more} more" if more else "")
    verb = "is" if len(skipped) == 1 else "are"
    return f"was read without {names}, which {verb} no part of the series; check that nothing is missing."


def read_finite_volume(path: str | Path, name: str) -> sitk.Image:
    """Read any scalar 3-D volume of finite values as float32: it may be constant, and need not show a head.

    Otherwise as `read_volume`, so that a mask lies where the image that it belongs to does.
    """
    called = f"The {name} {path}"
    image = _scalar(_read_any(Path(path), called, None, any_grid).image, called)
    _refuse_not_finite(image, called)
    return image


def check_volume(image: sitk.Image, name: str) -> sitk.Image:
    """The image of `check_noted_volume`."""
    return check_noted_volume(image, name).image


def check_noted_volume(image: sitk.Image, name: str) -> Volume:
    """The same as `read_noted_volume` for an image in memory. Raises InputError."""
    checked, told = _without_far_constant(_checked(image, f"The {name} image"))
    return Volume(checked, tuple(f"The {name} image {warning}" for warning in told))


def _read_any(path: Path, called: str, cancel: CancelToken | None, check_grid: GridCheck) -> Volume:
    try:
        _check_name(path, called)
        with _without_native_messages():
            return _read(path, called, cancel, check_grid)
    except PermissionError as error:
        raise InputError(f"{called} may not be read; check its permissions.") from error
    except OSError as error:
        if is_full_disk(error):  # where a copy had to be made
            place = tempfile.gettempdir()
            raise DiskFull(f"The disk of the temporary folder {place} is full; free some space.") from error
        raise InputError(f"{called} cannot be read; check the disk and the path.") from error


_stderr_in_use = threading.Lock()


@contextlib.contextmanager
def _without_native_messages() -> Iterator[None]:
    """Discard what the libraries below ITK print to standard error: it quotes headers and says nothing of use."""
    with _stderr_in_use, contextlib.ExitStack() as stack:
        try:
            kept = os.dup(2)
        except OSError:  # closed, as in a program without a console
            yield
            return
        stack.callback(os.close, kept)
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        stack.callback(os.dup2, kept, 2)
        yield


def _check_name(path: Path, called: str) -> None:
    """ITK ends the process when it is given a name that is not valid Unicode."""
    names = [str(path), *(entry.name for entry in path.iterdir())] if path.is_dir() else [str(path)]
    try:
        for name in names:
            name.encode("utf-8")
    except UnicodeEncodeError as error:
        printable = called.encode("utf-8", "replace").decode("utf-8")
        raise InputError(f"{printable} has a file name with characters that cannot be read; rename it.") from error


def _read(path: Path, called: str, cancel: CancelToken | None, check_grid: GridCheck) -> Volume:
    if path.is_dir():
        if not os.access(path, os.R_OK | os.X_OK):
            raise PermissionError
        return _read_dicom(path, called, cancel, check_grid)
    if not path.exists():
        raise InputError(f"{called} does not exist; check the path.")
    if not path.is_file():
        raise InputError(f"{called} is neither a file nor a folder; check the path.")
    if path.stat().st_size == 0:
        raise InputError(f"{called} is an empty file; copy or export it again.")
    lower = path.name.lower()
    image_io = next((io for ending, io in IMAGE_IO_BY_ENDING.items() if lower.endswith(ending)), None)
    if image_io is None:
        if lower.endswith(DICOM_ENDINGS) or has_dicom_mark(path):
            return _read_dicom(path, called, cancel, check_grid)
        raise InputError(
            f"{called} is of an unsupported kind; give a NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr) or MetaImage "
            "(.mha, .mhd) file or the folder of a DICOM series."
        )
    if image_io == "NiftiImageIO":
        return read_nifti(path, called, cancel, check_grid)
    if image_io == "MetaImageIO":
        return read_meta_image(path, called, cancel, check_grid)
    return read_nrrd(path, called, cancel, check_grid)


def _read_dicom(path: Path, called: str, cancel: CancelToken | None, check_grid: GridCheck) -> Volume:
    # pydicom takes a quarter of a second to import, which only DICOM is worth.
    from .dicom import read_dicom_file, read_dicom_folder

    return (read_dicom_folder if path.is_dir() else read_dicom_file)(path, called, cancel, check_grid)


def _checked(image: sitk.Image, called: str) -> sitk.Image:
    image = _scalar(image, called)
    head_grid(called)(image.GetSize(), image.GetSpacing())
    _refuse_not_finite(image, called)
    values = sitk.GetArrayViewFromImage(image)
    if float(values.min()) == float(values.max()):
        raise InputError(f"{called} holds the same value everywhere; check that the right image was given.")
    return image


def _without_far_constant(image: sitk.Image) -> tuple[sitk.Image, list[str]]:
    """The image with a constant far below all other values replaced by background, and what to say of it."""
    found = far_constant(sitk.GetArrayViewFromImage(image))
    if found is None:
        return image, []
    value, mixed = found
    values = sitk.GetArrayFromImage(image)
    padding = values <= mixed
    i, j, k = image.GetSpacing()
    fill_padding(values, padding, 2 - axis_of_slices(image), (k, j, i))
    filled = sitk.GetImageFromArray(values)
    filled.CopyInformation(image)
    share = f"{padding.mean():.0%}" if padding.mean() >= 0.01 else "less than 1%"
    return filled, [f"has {share} of its voxels at {value:.5g}, far below all others; they are taken for background."]


def _scalar(image: sitk.Image, called: str) -> sitk.Image:
    """A copy as 3-D float32 on perpendicular axes."""
    image = _without_singleton_axes(image, called)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(SEVERAL_VALUES.format(called))
    if "complex" in image.GetPixelIDTypeAsString():
        raise InputError(COMPLEX_NUMBERS.format(called))
    if "vector" in image.GetPixelIDTypeAsString():
        image = sitk.VectorIndexSelectionCast(image, 0)
    direction = _checked_direction(image, called)
    # The cast makes a new image and leaves all header entries behind.
    image = sitk.Cast(image, sitk.sitkFloat32)
    image.SetDirection(direction)
    return image


def _refuse_not_finite(image: sitk.Image, called: str) -> None:
    # A NaN anywhere makes the minimum NaN.
    values = sitk.GetArrayViewFromImage(image)
    if not (np.isfinite(values.min()) and np.isfinite(values.max())):
        raise InputError(NOT_FINITE.format(called))


def _without_singleton_axes(image: sitk.Image, called: str) -> sitk.Image:
    """Drop a trailing fourth and later axes of one entry."""
    size = image.GetSize()
    if len(size) < 3:
        raise InputError(PICTURE.format(called))
    if len(size) == 3:
        return image
    if any(n != 1 for n in size[3:]):
        raise InputError(SEVERAL_VOLUMES.format(called))
    collapsed = [*size[:3], *([0] * (len(size) - 3))]
    volume: sitk.Image = sitk.Extract(image, collapsed, [0] * len(size))
    return volume


def _checked_direction(image: sitk.Image, called: str) -> list[float]:
    """Row-major cosines of perpendicular axes; the image's own where they are perpendicular up to rounding."""
    spacing = np.asarray(image.GetSpacing())
    direction = np.asarray(image.GetDirection()).reshape(3, 3)
    if not is_within_reach(spacing) or spacing.min() <= 0:
        raise InputError(NO_VOXEL_SIZE.format(called))
    if not (np.isfinite(direction).all() and is_within_reach(image.GetOrigin())):
        raise InputError(UNDEFINED_PLACE.format(called))
    return [float(cosine) for cosine in sound_direction(direction, called).ravel()]
