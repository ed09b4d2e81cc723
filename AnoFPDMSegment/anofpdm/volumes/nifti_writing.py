"""Write a NIfTI file and make sure that it is whole: the library does not say so when the disk is full."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import zlib
from pathlib import Path

import SimpleITK as sitk

HEADER_BYTES = 352
_CHUNK = 1 << 22


def write_nifti(path: Path, image: sitk.Image) -> None:
    """Write a 3-D image of one value a voxel as `*.nii.gz`. Raises OSError if the file does not come out whole."""
    expected = HEADER_BYTES + image.GetNumberOfPixels() * image.GetSizeOfPixelComponent()
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise _failure(path, expected) from error
    if _length(path) != expected:
        raise _failure(path, expected)


def _length(path: Path) -> int:
    """Bytes of the unpacked file; -1 if it is damaged."""
    length = 0
    try:
        with gzip.open(path) as stream:
            while chunk := stream.read(_CHUNK):
                length += len(chunk)
    except (OSError, EOFError, zlib.error):
        return -1
    return length


def _failure(path: Path, wanted: int) -> OSError:
    full = path.parent.exists() and shutil.disk_usage(path.parent).free < wanted
    code = errno.ENOSPC if full else errno.EIO
    return OSError(code, os.strerror(code), str(path))
