"""Image-level decision: is this slice unhealthy?"""

from __future__ import annotations

import numpy as np

from ...core.arrays import FloatArray


def similarity(mse_healthy: FloatArray, mse_unguided: FloatArray) -> FloatArray:
    """cos(MSE^h, MSE^u) over all visited steps, channels averaged first (paper, section 3).

    Args:
        mse_healthy, mse_unguided: [N, S, C].

    Returns:
        [N]; low means that guidance toward healthy changes the error's course: unhealthy.
    """
    guided = np.asarray(mse_healthy, dtype=np.float64).mean(axis=2)
    unguided = np.asarray(mse_unguided, dtype=np.float64).mean(axis=2)
    norms = np.linalg.norm(guided, axis=1) * np.linalg.norm(unguided, axis=1)
    return np.asarray(np.sum(guided * unguided, axis=1) / np.maximum(norms, np.finfo(np.float64).tiny))
