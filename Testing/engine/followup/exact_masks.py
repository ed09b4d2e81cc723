"""Shapes whose extent is known exactly, sampled on voxels that lie anyhow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anofpdm.followup.changes import Change, classify
from anofpdm.followup.matching import match_findings
from anofpdm.followup.measuring import measure
from anofpdm.volumes.geometry import VolumeGeometry

GRID = VolumeGeometry((60, 56, 52), (1.0, 1.0, 1.0), (-30.0, -28.0, -26.0), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
REACH_MM = 2.4


@dataclass(frozen=True)
class Ball:
    """Center in mm (LPS) and volume in mL."""

    center: tuple[float, float, float]
    volume_ml: float

    def on(self, geometry: VolumeGeometry) -> npt.NDArray[np.bool_]:
        """Voxels [k, j, i] whose centers lie inside."""
        k, j, i = np.indices(geometry.array_shape)
        points = geometry.to_physical(np.stack([i, j, k], axis=-1))
        radius = (self.volume_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
        return np.asarray(np.linalg.norm(points - self.center, axis=-1) <= radius)


def labels(*findings: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Each of the masks under its number."""
    found = np.zeros(GRID.array_shape, dtype=np.int32)
    for number, mask in enumerate(findings, start=1):
        found[mask] = number
    return found


def changes(
    before: npt.NDArray[np.int32], after: npt.NDArray[np.int32], geometry: VolumeGeometry = GRID
) -> list[Change]:
    """What became of exact findings."""
    axes = geometry.direction_matrix * np.asarray(geometry.spacing)
    return classify(match_findings(before, after, axes, REACH_MM), measure(before, geometry), measure(after, geometry))


def kinds(found: Sequence[Change]) -> list[str]:
    """In order of the alphabet."""
    return sorted(change.kind for change in found)
