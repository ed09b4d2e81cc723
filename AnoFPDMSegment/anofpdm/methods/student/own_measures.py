"""By what it is told how well a student knows a volume. Torch-free."""

from __future__ import annotations

import numpy as np

from ..map_evidence import MapEvidence

LEAST_PIXELS = 100


def brain_measures(evidence: MapEvidence, threshold: float) -> dict[str, float]:
    """Logarithms of the mean probability of a lesion in the brain, of the share of it from `threshold` on, and of the
    mean uncertainty; none where hardly any brain is seen."""
    probability, uncertainty = evidence.map[:, 0], evidence.others["uncertainty"][:, 0]
    brain = probability > 0
    if brain.sum() < LEAST_PIXELS:
        return {}
    inside = probability[brain]
    return {
        "probability": float(np.log10(inside.mean(dtype=np.float64) + 1e-4)),
        "marked": float(np.log10(np.mean(inside >= threshold) + 1e-4)),
        "uncertainty": float(np.log10(uncertainty[brain].mean(dtype=np.float64) + 1e-5)),
    }
