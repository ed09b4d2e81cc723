"""Drawing samples: DDIM against the distribution that an exact predictor describes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network_samples import random_network
from torch import Tensor
from training_samples import MODEL

from anofpdm.configuration import ScheduleConfig
from anofpdm.diffusion.predictor import NetworkPredictor
from anofpdm.diffusion.schedule import NoiseSchedule
from anofpdm.training.samples import draw_samples, draw_stack

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


def test_guidance_moves_away_from_the_null_label() -> None:
    start = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    label = torch.tensor([0, -1])
    plain, guided = (draw_samples(exact_predictor, SCHEDULE, label, start, steps=50, guidance=w) for w in (0.0, 2.0))
    # Here the guided score is that of a mean (1 + w) mean_0 - w mean_null.
    assert float(guided[0].mean()) == pytest.approx(3 * MEAN[0] - 2 * MEAN[-1], abs=0.02)
    torch.testing.assert_close(guided[1], plain[1])


def test_samples_stay_in_range() -> None:
    start = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    drawn = draw_samples(lambda x, t, y: 3 * x, SCHEDULE, torch.tensor([0]), start, steps=5)
    assert float(drawn.abs().max()) <= 1


def test_a_stack_starts_every_slice_from_the_same_noise() -> None:
    torch.set_num_threads(1)
    network = random_network(MODEL.network)
    predictor = NetworkPredictor(network, "float32")
    arguments = {"seed": 3, "steps": 4, "batch_size": 2}
    stack = draw_stack(predictor, SCHEDULE, [0, 0, 1, 0, 1], [0.2, 0.2, 0.2, 0.9, 0.2], (1, 32, 32), **arguments)  # type: ignore[arg-type]
    assert stack.shape == (5, 1, 32, 32)
    torch.testing.assert_close(stack[0], stack[1], atol=1e-4, rtol=0)
    torch.testing.assert_close(stack[2], stack[4], atol=1e-4, rtol=0)
    assert not torch.allclose(stack[0], stack[2], atol=1e-2), "the label matters"
    assert not torch.allclose(stack[0], stack[3], atol=1e-2), "the level matters"
    start = torch.randn((1, 1, 32, 32), generator=torch.Generator().manual_seed(3))
    alone = draw_samples(predictor.for_slices(torch.tensor([0.9])), SCHEDULE, torch.tensor([0]), start, steps=4)
    torch.testing.assert_close(stack[3:4], alone, atol=1e-4, rtol=0)
