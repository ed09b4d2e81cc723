"""Whether the user edited the segmentation since it was written: manual edits are never overwritten."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from .segmentation_node import readMask, segmentVolume

if TYPE_CHECKING:
    from .output_frame import OutputFrame

_DIGEST_ATTRIBUTE = "AnoFPDM.WrittenContent"


class EditedChoice(Enum):
    """What becomes of an edited segmentation when the settings change."""

    NEW = "new"
    """It stays as it is and leaves the result, which goes on with a new segmentation."""
    KEEP = "keep"
    """It stays, and stays the result's segmentation: heatmap and tables alone follow the settings."""
    DISCARD = "discard"
    """The edits are lost. Only after the user was asked."""


OnEdited = Callable[[], EditedChoice]


def neverOverwrite() -> EditedChoice:
    """An edited segmentation stays; the result goes on with a new one."""
    return EditedChoice.NEW


class EditGuard:
    """Watches our segment of one segmentation node."""

    def __init__(self, segmentationNode: Any, frame: OutputFrame, shape: tuple[int, int, int]) -> None:
        """frame, shape: the grid of the result, [k, j, i]."""
        self._node = segmentationNode
        self._frame = frame
        self._shape = shape

    def remember(self) -> None:
        """Note what the segment holds now as ours."""
        self._node.SetAttribute(_DIGEST_ATTRIBUTE, self._digest())

    @property
    def wasEdited(self) -> bool:
        """Whether the segment holds something else than what was noted last, or is gone."""
        return bool(self._node.GetAttribute(_DIGEST_ATTRIBUTE) != self._digest())

    def _digest(self) -> str:
        """Of the segment on the result's grid: however it is stored, saved and read again."""
        from anofpdm.volumes.bounding_box import bounding_box

        mask = readMask(self._node, self._frame, self._shape)
        box = bounding_box(mask)
        digest = hashlib.sha256(repr([(part.start, part.stop) for part in box]).encode())
        digest.update(mask[box].tobytes())
        # Edits on a finer grid may fall between the voxels of this one: the volume, in eighths of a voxel.
        voxel = abs(np.linalg.det(self._frame.nodeIJKToRAS[:3, :3]))
        digest.update(f"{round(8 * segmentVolume(self._node) / voxel)}".encode())
        return digest.hexdigest()
