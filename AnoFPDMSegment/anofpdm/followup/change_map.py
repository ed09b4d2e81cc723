"""The change segmentation: both dates' findings, and what the images show, on the baseline's voxels, by kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.arrays import ByteArray
from ..results.segmentation import SEGMENT_TAGS, NamedSegment, write_segments
from .changes import KINDS, Kind
from .follow_up import FollowUp

COLORS: dict[Kind, tuple[float, float, float]] = {
    "new": (0.93, 0.2, 0.2),
    "grown": (1.0, 0.6, 0.1),
    "unchanged": (0.35, 0.75, 0.95),
    "shrunk": (0.6, 0.9, 0.3),
    "gone": (0.15, 0.65, 0.3),
    "merged": (0.95, 0.45, 0.8),
    "split": (0.65, 0.5, 0.95),
    "uncertain": (0.95, 0.95, 0.4),
}
"""Red, green, blue in 0..1: warm where there is more, green where there is less."""
_RANK: tuple[Kind, ...] = ("unchanged", "uncertain", "split", "merged", "shrunk", "grown", "gone", "new")
"""Where findings of several kinds share voxels the last of these is shown."""


def label_of(kind: Kind) -> int:
    """Its number in the segmentation, from 1."""
    return KINDS.index(kind) + 1


def change_map(found: FollowUp) -> tuple[ByteArray, ByteArray]:
    """What the changes are at the baseline, and later, by their kind: `label_of`, 0 where there is none. Both
    [k, j, i]."""
    kinds = np.array([0, *(label_of(change.kind) for change in found.changes)], dtype=np.uint8)
    return kinds[found.baseline_places], kinds[found.later_places]


def seen_by_images(found: FollowUp) -> tuple[ByteArray, ByteArray]:
    """1 where a change is told by the images, at the baseline and later; 0 elsewhere. Both [k, j, i]."""
    told = np.array([0, *(change.seen_by == "images" for change in found.changes)], dtype=np.uint8)
    return told[found.baseline_places], told[found.later_places]


def write_change_map(path: Path, found: FollowUp) -> None:
    """Write both dates' findings as a `.seg.nrrd` with a segment a kind. Raises OSError."""
    before, after = change_map(found)
    both = np.zeros_like(before)
    for kind in _RANK:
        both[(before == label_of(kind)) | (after == label_of(kind))] = label_of(kind)
    segments = [NamedSegment(kind, kind.capitalize(), COLORS[kind], SEGMENT_TAGS) for kind in KINDS]
    write_segments(path, both, found.baseline.case.geometry, segments)
