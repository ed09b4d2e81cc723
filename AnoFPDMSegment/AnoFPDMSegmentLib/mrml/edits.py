"""Whether the user edited the segmentation since it was written: manual edits are never overwritten."""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import Any

from .segmentation_node import segmentLabelmap
from .voxels import arrayOfMatrix, voxelsOf

_DIGEST_ATTRIBUTE = "AnoFPDM.WrittenContent"


class EditedChoice(Enum):
    """What becomes of an edited segmentation when the settings change."""

    NEW = "new"
    """It stays as it is and leaves the result, which goes on with a new segmentation."""
    KEEP = "keep"
    """It stays, and stays the result's segmentation: heatmap and tables alone follow the settings."""
    DISCARD = "discard"
    """The edits are lost. Only after the user was asked."""


def rememberContent(segmentationNode: Any) -> None:
    """Note what our segment holds now as ours."""
    segmentationNode.SetAttribute(_DIGEST_ATTRIBUTE, contentDigest(segmentationNode))


def wasEdited(segmentationNode: Any) -> bool:
    """Whether our segment holds something else than what was noted last, or is gone."""
    return segmentationNode.GetAttribute(_DIGEST_ATTRIBUTE) != contentDigest(segmentationNode)


def contentDigest(segmentationNode: Any) -> str:
    """Of the voxels of our segment and their places, whatever margin of background is stored around them."""
    from anofpdm.volumes.bounding_box import bounding_box

    image = segmentLabelmap(segmentationNode)
    if image is None:
        return "empty"
    voxels = voxelsOf(image) != 0
    if not voxels.any():
        return "empty"
    box = bounding_box(voxels)
    first = [start + part.start for start, part in zip(image.GetExtent()[::2], reversed(box), strict=True)]
    matrix = _imageToWorld(image)
    corner = matrix @ [*first, 1.0]
    digest = hashlib.sha256()
    # Rounded: a file stores places in decimals.
    digest.update(" ".join(f"{value:.3f}" for value in [*corner[:3], *matrix[:3, :3].ravel()]).encode())
    digest.update(repr(voxels[box].shape).encode())
    digest.update(voxels[box].tobytes())
    return digest.hexdigest()


def _imageToWorld(image: Any) -> Any:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return arrayOfMatrix(matrix)
