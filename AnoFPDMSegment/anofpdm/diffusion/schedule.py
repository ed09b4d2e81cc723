"""Noise schedule and the noise levels a forward process visits (numpy only)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..configuration import OperatingPoint, ScheduleConfig
from ..errors import SettingsError


@dataclass(frozen=True)
class NoiseSchedule:
    """`alpha_bar[i]` is the cumulative product of 1 - beta up to level i = 0..T-1 (paper, section 3)."""

    alpha_bar: np.ndarray

    @classmethod
    def linear(cls, config: ScheduleConfig) -> NoiseSchedule:
        """T betas spaced evenly from `beta_start` to `beta_end`, in float64."""
        betas = np.linspace(config.beta_start, config.beta_end, config.steps, dtype=np.float64)
        return cls(np.cumprod(1.0 - betas))

    def __len__(self) -> int:
        return len(self.alpha_bar)


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
