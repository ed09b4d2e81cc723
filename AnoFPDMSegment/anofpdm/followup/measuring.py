"""Findings measured for a comparison: each on its own date's voxels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.arrays import FloatArray
from ..volumes.bounding_box import bounding_box
from ..volumes.geometry import VolumeGeometry
from .changes import MeasuredFinding, border_uncertainty_ml
from .matching import Labels


def measure(
    labels: Labels,
    geometry: VolumeGeometry,
    step_mm: Sequence[float] | None = None,
    *,
    other_score: FloatArray | None = None,
    examined: FloatArray | None = None,
) -> dict[int, MeasuredFinding]:
    """Every finding, by its number.

    Args:
        labels: [k, j, i], 0 where there is no finding.
        step_mm: see `border_uncertainty_ml`; the voxels' spacing where it is left out.
        other_score: [k, j, i]: the other date's map; it shows nothing anywhere where it is left out.
        examined: [k, j, i]: the share of each voxel that the other date examined; all of it where it is left out.
    """
    step = geometry.spacing if step_mm is None else step_mm
    found = {}
    for number in range(1, int(labels.max(initial=0)) + 1):
        whole = labels == number
        if not whole.any():
            continue
        box = bounding_box(whole)
        mask = whole[box]
        found[number] = MeasuredFinding(
            number=number,
            volume_ml=int(mask.sum()) * geometry.voxel_volume_mm3 / 1000,
            uncertainty_ml=border_uncertainty_ml(mask, geometry.spacing, step),
            examined_share=1.0 if examined is None else float(examined[box][mask].mean()),
            other_score=0.0 if other_score is None else float(other_score[box][mask].mean()),
        )
    return found


def step_mm(geometry: VolumeGeometry, stack: VolumeGeometry) -> tuple[float, float, float]:
    """How far apart along i, j and k the places lie at which a map is known: see `border_uncertainty_ml`."""
    cosines = np.abs(stack.direction_matrix.T @ geometry.direction_matrix)
    # Along each voxel axis, the step of the stack's axis that is nearest to it.
    steps = np.asarray(stack.spacing)[np.argmax(cosines, axis=0)]
    i, j, k = np.maximum(steps, geometry.spacing).tolist()
    return i, j, k
