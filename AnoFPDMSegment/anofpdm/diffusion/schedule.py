"""The noise schedule (numpy only)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.records import require


@dataclass(frozen=True)
class ScheduleConfig:
    """Linear noise schedule (paper, section 3): T steps, beta from `beta_start` to `beta_end`."""

    steps: int = 1000
    beta_start: float = 1e-4
    beta_end: float = 0.02

    def __post_init__(self) -> None:
        require(1 <= self.steps <= 100_000, "schedule.steps must lie between 1 and 100000")
        require(0 < self.beta_start <= self.beta_end < 1, "schedule betas must satisfy 0 < beta_start <= beta_end < 1")


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
