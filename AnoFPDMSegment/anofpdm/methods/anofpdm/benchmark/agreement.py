"""How much alike two runs' anomaly maps are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core.arrays import BoolArray, FloatArray
from ....evaluation.metrics import dice
from ....thresholds.postprocessing import filtered_map
from ..evidence import Evidence

MASK_SHARE = 0.02
"""Share of all pixels in the masks compared, so that no threshold has to be calibrated for either run."""


@dataclass(frozen=True)
class Agreement:
    """Of filtered aggregated maps at one guidance strength."""

    correlation: float
    """Pearson's, over all pixels of all slices."""
    dice: float
    """Of the masks that hold the MASK_SHARE largest pixels of each run."""


def agreement(evidence: Evidence, reference: Evidence, w: float) -> Agreement:
    """Of two runs over the same slices."""
    ours, theirs = (filtered_map(run.aam(w)).astype(np.float64) for run in (evidence, reference))
    pooled = dice(_largest(ours)[None], _largest(theirs)[None])
    return Agreement(float(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]), float(pooled[0]))


def _largest(maps: FloatArray) -> BoolArray:
    return np.asarray(maps >= np.quantile(maps, 1 - MASK_SHARE))
