"""The files of a follow-up, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..core.checksums import CHECKSUMS_FILE, write_checksums
from ..core.output_set import OutputSet, Writer
from ..core.progress import CancelToken
from ..volumes.nrrd_file import write_nrrd
from ..volumes.resampling import stack_to_volume
from .change_map import write_change_map
from .document import follow_up_document, table_text
from .files import FOLLOW_UP_FILE, PICTURE_FILE, REGISTERED_FILE, SEGMENTATION_FILE, TABLE_FILE, TRANSFORM_FILE
from .follow_up import FollowUp
from .picture import follow_up_png
from .placing import moved, picture_grid


def write_follow_up(
    output: OutputSet,
    found: FollowUp,
    later_image: sitk.Image | None,
    *,
    picture: bool = True,
    anonymous: bool = False,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Write all files and return the document.

    later_image: what the later date's findings were found in; None where only its result is at hand, whose pictures
    then are what is laid over the baseline. Without `picture` that of an older follow-up goes. Raises OutputError or
    Cancelled.
    """
    cancel = cancel or CancelToken()
    document = follow_up_document(found, anonymous=anonymous)
    grid = found.baseline.case.geometry
    writers: dict[str, Writer] = {
        FOLLOW_UP_FILE: lambda path: path.write_text(_json(document), encoding="utf-8", newline="\n"),
        TABLE_FILE: lambda path: path.write_text(table_text(document), encoding="utf-8", newline="\n"),
        SEGMENTATION_FILE: lambda path: write_change_map(path, found),
        REGISTERED_FILE: lambda path: write_nrrd(path, registered(found, later_image), grid),
        TRANSFORM_FILE: lambda path: path.write_text(transform_text(found.transform), encoding="utf-8", newline="\n"),
    }
    if picture:
        writers[PICTURE_FILE] = lambda path: path.write_bytes(follow_up_png(found, document))
    names = tuple(writers)
    writers[CHECKSUMS_FILE] = lambda path: write_checksums(path, names)
    cancel.raise_if_cancelled()
    output.write(writers, without=[] if picture else [PICTURE_FILE])
    return document


def registered(found: FollowUp, later_image: sitk.Image | None) -> np.ndarray:
    """The later image on the baseline's voxels, [k, j, i] float32; 0 where it shows nothing."""
    grid = found.baseline.case.geometry
    if later_image is None:
        case = found.later.case
        return stack_to_volume(case.display, moved(picture_grid(case), found.transform), grid)
    like = grid.to_image_like(np.zeros(grid.array_shape, dtype=np.uint8))
    values = sitk.Resample(later_image, like, found.transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    return np.asarray(sitk.GetArrayFromImage(values))


def transform_text(transform: sitk.Euler3DTransform) -> str:
    """ITK's text form; Slicer opens it as the transform that lays the later image over the baseline."""

    def line(numbers: Iterable[float]) -> str:
        return " ".join(f"{number:.17g}" for number in numbers)

    return (
        "#Insight Transform File V1.0\n#Transform 0\nTransform: Euler3DTransform_double_3_3\n"
        f"Parameters: {line(transform.GetParameters())}\nFixedParameters: {line(transform.GetFixedParameters())}\n"
    )


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
