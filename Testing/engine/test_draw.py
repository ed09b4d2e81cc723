"""Drawing samples and stacks, against the distribution that an exact predictor describes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from network_samples import random_network
from torch import Tensor
from training_samples import MODEL

from anofpdm.diffusion.denoisers import NetworkPredictor
from anofpdm.diffusion.draw import draw_samples, draw_stack
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


class LevelledPredictor:
    """Exact where a slice's mean is its label's, twice that from level 0.5 on."""

    def for_slices(self, level: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
        def predict(x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
            alpha_bar = torch.from_numpy(SCHEDULE.alpha_bar)[t].float()[:, None, None, None]
            mean = torch.tensor([MEAN[int(value)] for value in label])[:, None, None, None]
            mean = mean * torch.where(level < 0.5, 1.0, 2.0)[:, None, None, None]
            total = alpha_bar * SPREAD**2 + 1 - alpha_bar
            return (1 - alpha_bar).sqrt() / total * (x_t - alpha_bar.sqrt() * mean)

        return predict


def drawn_stack(levels: list[float], lesion: list[float], **options: int) -> Tensor:
    predictor = LevelledPredictor()
    return draw_stack(
        predictor, SCHEDULE, levels, lesion, (1, 48, 48), **{"seed": 3, "steps": 200, "labels": (0, 1), **options}
    )  # type: ignore[arg-type]


def test_a_stack_follows_label_and_level() -> None:
    drawn = drawn_stack([0.1] * 12 + [0.9] * 12, [0.0] * 24)
    np.testing.assert_allclose(drawn[:4].mean(dim=(1, 2, 3)), MEAN[0], atol=0.02)
    np.testing.assert_allclose(drawn[-4:].mean(dim=(1, 2, 3)), 2 * MEAN[0], atol=0.02)
    np.testing.assert_allclose(drawn.std(dim=(2, 3)), SPREAD, rtol=0.15)
    assert np.corrcoef(drawn[0].flatten(), drawn[-1].flatten())[0, 1] > 0.99, "all slices share their noise"
    assert float((drawn[1:] - drawn[:-1]).mean(dim=(1, 2, 3)).abs().max()) < abs(MEAN[0]), "neighbours fit together"


def test_a_lesion_is_where_it_is_asked_for_and_the_twin_has_none() -> None:
    levels = [0.1] * 21
    healthy, unhealthy, more = (drawn_stack(levels, [0.0] * 14 + [s] * 7) for s in (0.0, 1.0, 1.5))
    torch.testing.assert_close(unhealthy[:3], healthy[:3], atol=0.03, rtol=0)
    rise = (unhealthy - healthy)[-3:].mean()
    assert float(rise) == pytest.approx(MEAN[1] - MEAN[0], abs=0.03)
    assert float((more - healthy)[-3:].mean()) == pytest.approx(1.5 * (MEAN[1] - MEAN[0]), abs=0.05)


def test_a_seed_is_a_head() -> None:
    first, again, other = (drawn_stack([0.1, 0.2], [0.0, 0.0], seed=seed, steps=10) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.allclose(first, other, atol=0.05)


def test_networks_draw_stacks() -> None:
    torch.set_num_threads(1)
    predictor = NetworkPredictor(random_network(MODEL.network), "float32")
    stack = draw_stack(
        predictor, SCHEDULE, [0.1, 0.5, 0.9], [0.0, 1.0, 0.0], (1, 32, 32), seed=1, labels=(0, 1), steps=4
    )
    assert stack.shape == (3, 1, 32, 32) and not stack.requires_grad and float(stack.abs().max()) <= 1
