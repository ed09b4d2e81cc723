"""The noise levels that the forward process visits (method section 2.1). Torch-free."""

from __future__ import annotations

import numpy as np

from ...core.errors import SettingsError
from ...diffusion.schedule import NoiseSchedule
from .operating_point import OperatingPoint


def visited_levels(point: OperatingPoint) -> np.ndarray:
    """Indices i_0..i_{S-1} (0-based levels) that the forward process visits, rising, int64 [S].

    S levels evenly spaced over `first`..`last` and rounded (method section 2.1).
    """
    return np.rint(np.linspace(point.first - 1, point.last - 1, point.steps)).astype(np.int64)


def jump_targets(levels: np.ndarray, schedule: NoiseSchedule) -> np.ndarray:
    """Where each inversion step of the public code lands: the level after each visited one, int64 [S].

    The step after the last visited level continues with the last stride. Raises SettingsError if that
    leaves the schedule.
    """
    after_last = 2 * levels[-1] - levels[-2]
    if after_last >= len(schedule):
        raise SettingsError(
            f"The reference mode jumps one step past its range, here to {after_last + 1} of {len(schedule)}; "
            "end the range earlier."
        )
    return np.append(levels[1:], after_last)
