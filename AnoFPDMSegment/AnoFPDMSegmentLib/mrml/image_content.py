"""What a volume holds, as a fingerprint: a proxy volume of a sequence is one node whose image changes with the time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .voxels import ijkToRAS, voxelsOf

if TYPE_CHECKING:
    from collections.abc import Hashable

_known: dict[Hashable, str] = {}
_MOST_KNOWN = 64


def contentOf(volumeNode: Any) -> str:
    """A digest of the voxels' values; empty without an image.

    It stays the same when the volume is saved and read again: of any type of numbers, and whichever way a left-handed
    volume's slices are ordered (Slicer turns them over as it reads).
    """
    image = volumeNode.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        return ""
    reverse = bool(np.linalg.det(ijkToRAS(volumeNode)[:3, :3]) < 0)
    # VTK never gives the same time of change twice.
    key = (image.GetMTime(), reverse)
    if key not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = _digest(image, reverse)
    return _known[key]


def _digest(image: Any, reverse: bool) -> str:
    digest = hashlib.blake2b(repr(image.GetDimensions()).encode(), digest_size=16)
    if image.GetNumberOfScalarComponents() == 1:
        voxels = voxelsOf(image)
        for layer in voxels[::-1] if reverse else voxels:
            digest.update(np.ascontiguousarray(layer, dtype="<f4").data)
    return digest.hexdigest()
