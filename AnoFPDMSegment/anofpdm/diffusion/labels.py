"""A network's prediction under labels: one, or two that are weighed against each other."""

from __future__ import annotations

import torch
from torch import Tensor

from .denoisers import NoisePredictor
from .equations import guided_noise
from .estimates import Prediction


def with_label(predict: NoisePredictor, label: int) -> Prediction:
    """The network's prediction for one label (`NULL_LABEL`: null)."""

    def noise(x: Tensor, level: int) -> Tensor:
        n = len(x)
        return predict(x, _levels(n, level, x), torch.full((n,), label, dtype=torch.int64))

    return noise


def with_two_labels(predict: NoisePredictor, first: int, second: int, weight: float) -> Prediction:
    """(1 + weight) eps_first - weight eps_second, from one pass over both."""

    def noise(x: Tensor, level: int) -> Tensor:
        n = len(x)
        labels = torch.tensor([first] * n + [second] * n, dtype=torch.int64)
        both = predict(torch.cat([x, x]), _levels(2 * n, level, x), labels)
        return guided_noise(both[:n], both[n:], weight)

    return noise


def _levels(n: int, level: int, like: Tensor) -> Tensor:
    return torch.full((n,), level, dtype=torch.int64, device=like.device)
