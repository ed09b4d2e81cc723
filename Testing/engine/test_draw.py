"""Drawing samples, against the distribution that an exact predictor describes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from anofpdm.diffusion.draw import draw_samples
from anofpdm.diffusion.schedule import NoiseSchedule, ScheduleConfig

SCHEDULE = NoiseSchedule.linear(ScheduleConfig())
MEAN = {0: -0.3, 1: 0.2, -1: -0.05}
SPREAD = 0.1


def exact_predictor(x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
    """E[eps | x_t] where x0 is normal about its label's mean with standard deviation SPREAD."""
    alpha_bar = torch.from_numpy(SCHEDULE.alpha_bar)[t].float()[:, None, None, None]
    mean = torch.tensor([MEAN[int(value)] for value in label])[:, None, None, None]
    total = alpha_bar * SPREAD**2 + 1 - alpha_bar
    return (1 - alpha_bar).sqrt() / total * (x_t - alpha_bar.sqrt() * mean)


def test_samples_follow_the_distribution_of_their_label() -> None:
    label = torch.tensor([0, 1, -1])
    start = torch.randn(3, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    drawn = draw_samples(exact_predictor, SCHEDULE, label, start, steps=500)
    np.testing.assert_allclose(drawn.mean(dim=(1, 2, 3)), [MEAN[int(v)] for v in label], atol=0.01)
    np.testing.assert_allclose(drawn.std(dim=(1, 2, 3)), SPREAD, rtol=0.1)
    # Deterministic: brighter noise becomes a brighter pixel.
    assert np.corrcoef(start[0].flatten(), drawn[0].flatten())[0, 1] > 0.99


def test_samples_stay_in_range() -> None:
    start = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    drawn = draw_samples(lambda x, t, y: 3 * x, SCHEDULE, torch.tensor([0]), start, steps=5)
    assert float(drawn.abs().max()) <= 1
