"""A volume as its own healthy reference: most of a brain is healthy, and lesions do not move a median."""

from __future__ import annotations

import numpy as np

from ..core.arrays import BoolArray, FloatArray

NORMAL = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""


def own_threshold(values: FloatArray, inside: BoolArray, spreads: float) -> float:
    """Median of the map inside plus `spreads` times the spread of what lies above it.

    The spread is the median distance of the upper half to the median, as a standard deviation: the lower half of a map
    of distances ends at 0 and says nothing. Scaling the map scales the threshold, and adding to it shifts it.

    Args:
        values: map [N, H, W] of one volume.
        inside: where it counts, [N, H, W].
        spreads: how many.

    Returns:
        The map value from which pixels are marked; infinite where nothing is inside or the map does not vary there.
    """
    known = np.asarray(values[inside], dtype=np.float64)
    if known.size == 0:
        return float("inf")
    centre = float(np.median(known))
    above = known[known >= centre] - centre
    spread = NORMAL * float(np.median(above))
    return centre + spreads * spread if spread > 0 else float("inf")
