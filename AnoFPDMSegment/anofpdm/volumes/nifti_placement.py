"""Where a NIfTI image lies in the patient: one rule for all the ways in which its header can contradict itself.

The sform if its code is above 0, else the qform if its code is, else unknown. A form is followed with its own voxel
size; a voxel size of `pixdim` that differs, and a qform that points elsewhere, are told.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from ..core.errors import InputError
from .nifti_header import NiftiHeader
from .placement import (
    COSINE_TOLERANCE,
    LARGEST_ANGLE_DEGREES,
    NO_VOXEL_SIZE,
    UNDEFINED_PLACE,
    Placement,
    angle_degrees,
    is_within_reach,
    place,
)

SAME_SIZE = 1e-3
"""Voxel sizes that differ by less (relative) are the same, written with other precision."""
LARGEST_RATIO = 5.0
"""Voxel sizes further apart than this are no scaling by a registration; which of them is meant cannot be known."""
UNKNOWN_PLACE = (
    "does not say how it lies in the patient (no sform and no qform); positions are counted from its first voxel and "
    "the side of findings is left open, so use the image as it was converted from DICOM."
)
SINGLE_PRECISION = 4e-7
RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])

FloatArray = npt.NDArray[np.float64]


def place_nifti(header: NiftiHeader, called: str) -> tuple[Placement, list[str], bool]:
    """The image's place, what to warn of (as in `Volume`), and whether left and right are known.

    Raises InputError, in a sentence that begins with `called`, for a voxel size or a form that cannot be followed.
    """
    if not is_within_reach(header.pixdim) or min(header.pixdim) <= 0:
        raise InputError(NO_VOXEL_SIZE.format(called))
    pixdim = np.array(header.pixdim, dtype=np.float64) * header.unit_mm
    if header.sform_code <= 0 and header.qform_code <= 0:
        # Method 1 of the format: the first axis to the right, the second to the front, the third up.
        placement = place(np.diag(pixdim * RAS_TO_LPS), np.zeros(3), called)
        return placement, [UNKNOWN_PLACE], False
    qform = _qform(header, pixdim, called) if header.qform_code > 0 else None
    if header.sform_code <= 0:
        assert qform is not None  # one of the two codes is above 0
        return qform, [], True
    if not is_within_reach(header.sform):
        raise InputError(UNDEFINED_PLACE.format(called))
    sform = header.sform * header.unit_mm * RAS_TO_LPS[:, None]
    placement = place(sform[:, :3], sform[:, 3], called)
    ratios = np.maximum(placement.spacing / pixdim, pixdim / placement.spacing)
    warnings, side_known = [], True
    if ratios.max() > LARGEST_RATIO:
        raise InputError(
            f"{called} states two voxel sizes that have nothing in common ({_sizes(pixdim)} and "
            f"{_sizes(placement.spacing)} mm); export it again."
        )
    if ratios.max() > 1 + SAME_SIZE:
        warnings.append(
            f"states two voxel sizes, {_sizes(pixdim)} mm (pixdim) and {_sizes(placement.spacing)} mm "
            "(sform); the second is used, so check lengths and volumes, and that other programs show the same."
        )
    else:
        placement = dataclasses.replace(placement, spacing=pixdim)
    if qform is not None and angle_degrees(placement.direction, qform.direction) > LARGEST_ANGLE_DEGREES:
        side_known = False
        flipped = np.linalg.det(placement.direction) * np.linalg.det(qform.direction) < 0
        warnings.append(
            "states two orientations (sform and qform) that "
            + ("mirror each other" if flipped else f"differ by more than {LARGEST_ANGLE_DEGREES:.0f} degrees")
            + "; the sform is used, and the side of findings is left open, so check left and right against the "
            "scanner's own images."
        )
    return placement, warnings, side_known


def _qform(header: NiftiHeader, pixdim: FloatArray, called: str) -> Placement:
    b, c, d = header.quaternion
    # The three are part of a unit quaternion.
    if not (max(abs(b), abs(c), abs(d)) <= 1 + COSINE_TOLERANCE and is_within_reach(header.qform_offset)):
        raise InputError(UNDEFINED_PLACE.format(called))
    squared = b * b + c * c + d * d
    a = max(0.0, 1 - squared) ** 0.5
    if 1 - squared < SINGLE_PRECISION:
        # A half turn: what is left for the real part is what single precision rounded away.
        a = 0.0
        b, c, d = (part / squared**0.5 for part in (b, c, d))
    # The rotation of a unit quaternion, columns i, j, k in RAS.
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    axes = RAS_TO_LPS[:, None] * rotation * pixdim * [1.0, 1.0, header.handedness]
    placement = place(axes, np.array(header.qform_offset) * header.unit_mm * RAS_TO_LPS, called)
    return dataclasses.replace(placement, spacing=pixdim)


def _sizes(spacing: FloatArray) -> str:
    return " x ".join(f"{size:.4g}" for size in spacing)
