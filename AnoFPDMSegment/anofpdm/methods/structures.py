"""Named segments that a method outlines beside, or instead of, findings: anatomical structures, say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.arrays import ByteArray
from ..core.errors import EvidenceError

MOST_STRUCTURES = 255


@dataclass(frozen=True)
class Structures:
    """Segments of N examined slices: `labels` uint8 [N, H, W], 0 where there is none and n for `names[n - 1]`.

    Raises EvidenceError if these do not belong together.
    """

    labels: ByteArray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        names = [name for name in self.names if name and name.isprintable()]
        if not 1 <= len(names) <= MOST_STRUCTURES or len(set(names)) != len(self.names):
            raise EvidenceError(f"Structures need 1 to {MOST_STRUCTURES} different names of one line; detect again.")
        if self.labels.dtype != np.uint8 or self.labels.ndim != 3 or self.labels.max(initial=0) > len(names):
            raise EvidenceError("The evidence's structures hold labels that cannot be; detect again.")
