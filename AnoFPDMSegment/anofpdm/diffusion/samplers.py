"""Encoding to a noise level and decoding back, as the compared methods do; on torch tensors [N, C, H, W]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from .denoisers import NoisePredictor
from .equations import ddim_inversion_step, diffuse, predict_x0
from .noise import NoiseSource
from .schedule import NoiseSchedule

PredictedNoise = Callable[[Tensor, int], Tensor]
"""eps(x_t, 0-based noise level)."""


def levels_up_to(last: int, steps: int) -> list[int]:
    """At most `steps` 0-based noise levels, evenly spaced from the first up to level `last` (counted from 1)."""
    return [int(level) for level in np.unique(np.rint(np.linspace(0, last - 1, min(steps, last))))]


def with_label(predict: NoisePredictor, label: int) -> PredictedNoise:
    """The network's prediction for one label (-1: null)."""

    def noise(x: Tensor, level: int) -> Tensor:
        n = len(x)
        return predict(x, _levels(n, level, x), torch.full((n,), label, dtype=torch.int64))

    return noise


def with_two_labels(predict: NoisePredictor, first: int, second: int, weight: float) -> PredictedNoise:
    """(1 + weight) eps_first - weight eps_second, from one pass over both."""

    def noise(x: Tensor, level: int) -> Tensor:
        n = len(x)
        labels = torch.tensor([first] * n + [second] * n, dtype=torch.int64)
        both = predict(torch.cat([x, x]), _levels(2 * n, level, x), labels)
        return (1 + weight) * both[:n] - weight * both[n:]

    return noise


def _levels(n: int, level: int, like: Tensor) -> Tensor:
    return torch.full((n,), level, dtype=torch.int64, device=like.device)


def ddim_encode(x0: Tensor, noise: PredictedNoise, levels: Sequence[int], schedule: NoiseSchedule) -> Tensor:
    """Deterministic DDIM inversion from x0 to the last of the rising levels."""
    alpha_bar = schedule.alpha_bar
    x = diffuse(x0, noise(x0, levels[0]), float(alpha_bar[levels[0]]))
    for here, following in pairwise(levels):
        x = ddim_inversion_step(x, noise(x, here), float(alpha_bar[here]), float(alpha_bar[following]))
    return x


def ddim_decode(x: Tensor, noise: PredictedNoise, levels: Sequence[int], schedule: NoiseSchedule) -> Tensor:
    """Deterministic DDIM from the last of the rising levels down to x0."""
    alpha_bar = schedule.alpha_bar
    for here, following in zip(reversed(levels), [*list(reversed(levels))[1:], None], strict=True):
        predicted = noise(x, here)
        x0 = predict_x0(x, predicted, float(alpha_bar[here]))
        if following is None:
            return x0
        x = diffuse(x0, predicted, float(alpha_bar[following]))
    return x


def ddpm_decode(
    x: Tensor, noise: PredictedNoise, levels: Sequence[int], schedule: NoiseSchedule, fresh: NoiseSource
) -> Tensor:
    """DDPM's stochastic way down through the rising levels (last first), x0_hat limited to [-1, 1].

    Between levels a (above) and b the posterior q(x_b | x_a, x0_hat) is drawn from, so that fewer than all levels may
    be visited. `fresh(step, like)` gives the noise of each step, counted from 1.
    """
    alpha_bar = schedule.alpha_bar
    for step, (here, following) in enumerate(zip(reversed(levels), [*list(reversed(levels))[1:], None], strict=True)):
        above = float(alpha_bar[here])
        x0 = predict_x0(x, noise(x, here), above).clamp(-1, 1)
        if following is None:
            return x0
        below = float(alpha_bar[following])
        beta = 1 - above / below
        mean = (sqrt(below) * beta * x0 + sqrt(above / below) * (1 - below) * x) / (1 - above)
        x = mean + sqrt(beta * (1 - below) / (1 - above)) * fresh(step + 1, x)
    return x
