"""Warnings when an input looks unlike what the model was trained on.

A network fed something it never saw answers all the same; these checks say so beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .input_config import InputConfig

MINIMUM_EXTENT_MM = 80.0
MAXIMUM_SLICE_MM = 8.0
MAXIMUM_CROPPED_SHARE = 0.03
END_SLICE_SHARE = 0.75
"""Head in the topmost slice beyond this share of the largest slice's area: the vertex is missing."""


@dataclass(frozen=True)
class CaseFacts:
    """What the checks look at.

    `head_areas_mm2` [S]: head per slice of the stack, inferior to superior; `slice_spacing_mm`: of
    the stack; `acquired_slice_mm`: the first modality's own slice distance; `cropped_share`: of the
    head's volume, what lies beside the stack's field of view; `inverted`: names of the modalities
    whose air is brighter than the head.
    """

    skull_stripped: bool
    head_areas_mm2: NDArray[np.floating[Any]]
    slice_spacing_mm: float
    acquired_slice_mm: float
    cropped_share: float
    inverted: tuple[str, ...] = ()


def input_warnings(facts: CaseFacts, config: InputConfig) -> list[str]:
    """One sentence for everything about the input that the model was not made for; [] if nothing."""
    checks = (
        _anatomy(facts, config),
        _inverted(facts),
        _coverage(facts),
        _thickness(facts),
        _field_of_view(facts, config),
    )
    return [sentence for sentence in checks if sentence]


def _anatomy(facts: CaseFacts, config: InputConfig) -> str:
    anatomy = config.preprocessing.anatomy
    if facts.skull_stripped and anatomy == "whole_head":
        return (
            f"The image looks skull-stripped, but model '{config.name}' was trained on whole heads; "
            "use the image from before skull-stripping or a model for stripped brains."
        )
    if not facts.skull_stripped and anatomy == "skull_stripped":
        return (
            f"The image shows the whole head, but model '{config.name}' was trained on skull-stripped brains; "
            "remove the skull first or use a model for whole heads."
        )
    return ""


def _inverted(facts: CaseFacts) -> str:
    if not facts.inverted:
        return ""
    return (
        f"The air is brighter than the head in {' and '.join(facts.inverted)}, so the contrast seems inverted; "
        "load the image with its original contrast."
    )


def _coverage(facts: CaseFacts) -> str:
    areas = np.asarray(facts.head_areas_mm2, dtype=np.float64)
    present = np.nonzero(areas > 0)[0]
    if len(present) == 0:
        return ""
    extent = float(present[-1] - present[0] + 1) * facts.slice_spacing_mm
    if extent < MINIMUM_EXTENT_MM:
        return (
            f"Only {extent:.0f} mm of the head is covered from bottom to top; intensities and slice levels are "
            "less certain, so load the whole examination if there is more of it."
        )
    # Scans often start at the skull base with full slices, so only the top tells of a missing part.
    if present[-1] == len(areas) - 1 and areas[-1] > END_SLICE_SHARE * float(areas.max()):
        return "The top of the head is outside the volume; what lies above the last slice is not examined."
    return ""


def _thickness(facts: CaseFacts) -> str:
    if facts.acquired_slice_mm <= MAXIMUM_SLICE_MM:
        return ""
    return (
        f"The slices are {facts.acquired_slice_mm:.1f} mm apart, further than in usual brain scans; "
        "small findings may be missed, so use a scan with thinner slices if there is one."
    )


def _field_of_view(facts: CaseFacts, config: InputConfig) -> str:
    if facts.cropped_share <= MAXIMUM_CROPPED_SHARE:
        return ""
    return (
        f"{facts.cropped_share:.0%} of the head lies beyond the model's field of view of "
        f"{config.grid.field_of_view_mm:.0f} mm and is not examined; check the voxel size and that nothing but the "
        "head is in the image."
    )
