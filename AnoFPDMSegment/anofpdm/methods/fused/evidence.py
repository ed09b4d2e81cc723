"""What is kept of both witnesses. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import BoolArray
from ...core.errors import EvidenceError
from ...results.case import ModelIdentity
from ..anofpdm.evidence import Evidence
from ..map_evidence import MapEvidence


@dataclass(frozen=True)
class FusedEvidence:
    """Of the N slices that the finder examined, the witness examined `witnessed` [N], M of them.

    `finder`: maps [N, 1, H, W]; `witness`: AnoFPDM's evidence [M, C, h, w]; `interior` [M, h, w]: where it may find.
    """

    finder: MapEvidence
    witness: Evidence
    interior: BoolArray
    witnessed: BoolArray
    model: ModelIdentity
    """The witness's model."""

    def __post_init__(self) -> None:
        """Raises EvidenceError."""
        count, _, height, width = self.witness.shape
        sound = (
            self.witnessed.shape == (len(self.finder),)
            and int(self.witnessed.sum()) == count
            and self.interior.shape == (count, height, width)
            and self.interior.dtype == np.bool_
        )
        if not sound:
            raise EvidenceError("The parts of the evidence do not fit one another; detect again.")

    def __len__(self) -> int:
        return len(self.finder)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, 1, H, W)."""
        return self.finder.shape
