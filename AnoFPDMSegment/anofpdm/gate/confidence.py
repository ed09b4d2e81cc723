"""How often a healthy head shows a region as strong as this one. Torch-free.

The strength of a region is its excess: by how much its score, at the calibration's own settings, is above the border
of 1, summed over its volume (mL). Settings in use decide where a region ends, not how strong it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.arrays import FloatArray

SURENESS = 0.9
"""With this probability healthy heads show such a region no more often than the confidence says."""
UNSEEN = 2.5
"""A model is calmer about heads that it was trained on, which the reference is made of: theirs count this many times
as strong. Chosen with most of the benchmark's heads in sight (Resources/benchmarks/gate.md)."""


def excess(score: FloatArray) -> FloatArray:
    """What of a score counts, of the same shape."""
    return (score - 1).clip(min=0)


def confidence_of(strength: float, healthy: Sequence[float]) -> float | None:
    """1 less the share of healthy heads whose strongest region is at least as strong, at the upper end of what is
    plausible after so few heads (Clopper and Pearson 1934). None without heads."""
    if not healthy:
        return None
    as_strong = sum(1 for each in healthy if UNSEEN * each >= strength) if strength > 0 else len(healthy)
    return 1 - upper_share(as_strong, len(healthy), SURENESS)


def upper_share(seen: int, of: int, sureness: float) -> float:
    """The largest share at which so few of `of` are still seen with probability 1 - `sureness`; by bisection."""
    if seen >= of:
        return 1.0
    low, high = seen / of, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if _at_most(seen, of, middle) > 1 - sureness:
            low = middle
        else:
            high = middle
    return high


def _at_most(seen: int, of: int, share: float) -> float:
    """Binomial probability of at most `seen`."""
    logs = math.log(share), math.log1p(-share)
    return sum(math.exp(_log_choices(of, k) + k * logs[0] + (of - k) * logs[1]) for k in range(seen + 1))


def _log_choices(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
