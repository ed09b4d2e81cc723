"""Frames of a DICOM series as an even stack of slices, or the reason why they are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..core.errors import InputError
from .dicom_header import Frame
from .placement import LARGEST_COSINE, NO_VOXEL_SIZE, UNDEFINED_PLACE, Placement, is_within_reach, perpendicular

FloatArray = npt.NDArray[np.float64]

GAP_TOLERANCE_MM = 0.1
GAP_TOLERANCE = 0.05
"""Slice distances may deviate from their median by this fraction, or by GAP_TOLERANCE_MM."""
LARGEST_SHEAR = 0.01
"""Positions may drift sideways by this share of the stack's height, as cosines rounded to two decimals make them."""
DIRECTION_TOLERANCE = 1e-3
SIZE_TOLERANCE = 1e-3
MOST_ORIENTATIONS = 8
"""More are not told apart: each frame is compared with all of them."""
LOCALIZER_SHARE = 0.6
"""Of all frames, those of the commonest orientation; a localizer has no more of them."""
NO_SPACING = "{} does not state the size of its pixels; export it again from the scanner or the archive."
NO_POSITION = "{} holds slices without a position in the patient; export the series again."


@dataclass(frozen=True)
class Stack:
    """Frames from the lowest to the highest along their common normal, and where they lie."""

    frames: list[Frame]
    placement: Placement


def even_stack(frames: list[Frame], called: str) -> Stack:
    """The stack that the frames, in any order, make up.

    Raises InputError, in a sentence that begins with `called`, for frames without a place, of different orientation
    or size, at the same position, unevenly spaced or sheared.
    """
    spacing = _common_spacing(frames, called)
    directions = [_direction(frame, called) for frame in frames]
    _check_orientations(directions, called)
    if any(frame.size != frames[0].size for frame in frames):
        raise InputError(f"{called} holds slices of different size; give a folder with one volume.")
    direction = directions[0]
    normal = direction[:, 2]
    positions = np.stack([frame.position for frame in frames if frame.position is not None])
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    step = _thickness(frames[0], called) if len(frames) == 1 else _even_step(positions, normal, called)
    placement = Placement(np.array([*spacing, step]), positions[0], direction)
    return Stack([frames[index] for index in order], placement)


def _common_spacing(frames: list[Frame], called: str) -> tuple[float, float]:
    spacings = np.array([frame.spacing for frame in frames if frame.spacing is not None])
    if len(spacings) < len(frames):
        raise InputError(NO_SPACING.format(called))
    if spacings.min() <= 0 or not is_within_reach(spacings):
        raise InputError(NO_VOXEL_SIZE.format(called))
    if not np.allclose(spacings, spacings[0], rtol=SIZE_TOLERANCE, atol=0):
        raise InputError(f"{called} holds slices of different size; give a folder with one volume.")
    return float(spacings[0, 0]), float(spacings[0, 1])


def _direction(frame: Frame, called: str) -> FloatArray:
    """[3, 3]: columns are the directions of a row, of a column and of their normal."""
    if frame.position is None or frame.orientation is None:
        raise InputError(NO_POSITION.format(called))
    if not (is_within_reach(frame.position) and np.abs(frame.orientation).max() <= LARGEST_COSINE):
        raise InputError(UNDEFINED_PLACE.format(called))
    row, column = frame.orientation
    direction = np.stack([row, column, np.cross(row, column)], axis=1)
    if not np.abs(direction).max() > 0:
        raise InputError(NO_POSITION.format(called))
    return perpendicular(direction, called)


def _check_orientations(directions: list[FloatArray], called: str) -> None:
    kinds: list[FloatArray] = []
    counts: list[int] = []
    for direction in directions:
        if len(kinds) > MOST_ORIENTATIONS:
            break
        same = [n for n, kind in enumerate(kinds) if np.allclose(direction, kind, atol=DIRECTION_TOLERANCE)]
        if same:
            counts[same[0]] += 1
        else:
            kinds.append(direction)
            counts.append(1)
    if len(kinds) == 1:
        return
    if len(kinds) >= 3 and max(counts) <= LOCALIZER_SHARE * len(directions):
        raise InputError(
            f"{called} is a localizer (a scout of slices in several planes); give the series of one whole volume."
        )
    raise InputError(f"{called} holds slices of different orientation; give a folder with one volume.")


def _thickness(frame: Frame, called: str) -> float:
    if frame.thickness is None:
        raise InputError(f"{called} is a single slice that does not state its thickness; give the whole series.")
    if not (frame.thickness > 0 and is_within_reach(frame.thickness)):
        raise InputError(NO_VOXEL_SIZE.format(called))
    return frame.thickness


def _even_step(positions: FloatArray, normal: FloatArray, called: str) -> float:
    """Distance of neighboring slices; `positions` [n, 3] by rising place along the normal."""
    gaps = np.diff(positions @ normal)
    step = float(np.median(gaps))
    if gaps.min() < GAP_TOLERANCE_MM:
        raise InputError(
            f"{called} holds several slices at the same position (echoes, time points or a copy?); give one image for "
            "each position."
        )
    tolerance = max(GAP_TOLERANCE_MM, GAP_TOLERANCE * step)
    if np.abs(gaps - step).max() > tolerance:
        raise InputError(f"{called} has missing or unevenly spaced slices; export the complete series.")
    sideways = np.diff(positions, axis=0) - gaps[:, None] * normal
    drift = float(np.linalg.norm(sideways.sum(axis=0)))
    allowed = max(GAP_TOLERANCE_MM, LARGEST_SHEAR * float(gaps.sum()))
    if np.linalg.norm(sideways, axis=1).max() > tolerance or drift > allowed:
        raise InputError(
            f"{called} was scanned with a tilted gantry or is sheared; resample it onto perpendicular axes first."
        )
    return float(gaps.sum()) / len(gaps)
