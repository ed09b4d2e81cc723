"""Exact noise prediction for two Gaussian classes: what a perfectly trained network would say.

Slices of class c are N(mean_c, sigma^2) for each pixel; the null label is their equal mixture.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class GaussianPredictor:
    """eps(x_t, t, label) = -sqrt(1 - alpha_bar) * grad log p_t(x_t | label), in float64 inside."""

    def __init__(self, healthy: Tensor, unhealthy: Tensor, sigma: float, alpha_bar: np.ndarray) -> None:
        self.healthy, self.unhealthy, self.sigma = healthy.double(), unhealthy.double(), sigma
        self.alpha_bar = torch.from_numpy(np.asarray(alpha_bar, dtype=np.float64))
        self.calls: list[int] = []

    def for_slices(self, level: Tensor | None) -> GaussianPredictor:
        return self

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        self.calls.append(len(x_t))
        x = x_t.double()
        a = self.alpha_bar[t][:, None, None, None]
        variance = a * self.sigma**2 + 1 - a
        healthy, unhealthy = self._noise(x, a, self.healthy), self._noise(x, a, self.unhealthy)
        share = torch.exp(self.log_probability_healthy(x, a, variance))[:, None, None, None]
        null = share * healthy + (1 - share) * unhealthy
        which = label[:, None, None, None]
        return torch.where(which == -1, null, torch.where(which == 0, healthy, unhealthy)).float()

    def _noise(self, x: Tensor, a: Tensor, mean: Tensor) -> Tensor:
        return (1 - a).sqrt() * (x - a.sqrt() * mean) / (a * self.sigma**2 + 1 - a)

    def log_probability_healthy(self, x: Tensor, a: Tensor, variance: Tensor) -> Tensor:
        """log p(healthy | x_t), [N]."""

        def log_density(mean: Tensor) -> Tensor:
            return -((x - a.sqrt() * mean).square() / (2 * variance)).sum(dim=(1, 2, 3))

        healthy, unhealthy = log_density(self.healthy), log_density(self.unhealthy)
        return healthy - torch.logaddexp(healthy, unhealthy)
