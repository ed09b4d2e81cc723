"""Denoisers of every parametrisation say the same, and samplers do not know which one they use."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import Tensor

from anofpdm.diffusion.equations import diffuse, noise_from_x0, posterior
from anofpdm.diffusion.estimates import (
    Denoiser,
    predicting_noise,
    predicting_slices,
    predicting_velocity,
    within_range,
)
from anofpdm.diffusion.noise import SeededNoise
from anofpdm.diffusion.noising import Noising
from anofpdm.diffusion.samplers import all_levels, ddim_decode, ddim_encode, ddpm_decode, downwards, levels_up_to
from anofpdm.diffusion.schedule import NoiseSchedule, ScheduleConfig

SCHEDULE = NoiseSchedule.linear(ScheduleConfig())
SPREAD = 0.2
SHAPE = (2, 1, 8, 8)


def exact_x0(x: Tensor, level: int) -> Tensor:
    """E[x0 | x_t] of slices that are normal about 0.1."""
    a = float(SCHEDULE.alpha_bar[level])
    total = a * SPREAD**2 + 1 - a
    return 0.1 + sqrt(a) * SPREAD**2 / total * (x - sqrt(a) * 0.1)


def exact_noise(x: Tensor, level: int) -> Tensor:
    return noise_from_x0(x, exact_x0(x, level), float(SCHEDULE.alpha_bar[level]))


def exact_velocity(x: Tensor, level: int) -> Tensor:
    a = float(SCHEDULE.alpha_bar[level])
    return sqrt(a) * exact_noise(x, level) - sqrt(1 - a) * exact_x0(x, level)


DENOISERS: dict[str, Denoiser] = {
    "noise": predicting_noise(exact_noise, SCHEDULE),
    "slices": predicting_slices(exact_x0, SCHEDULE),
    "velocity": predicting_velocity(exact_velocity, SCHEDULE),
}


def normal(seed: int) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kind", DENOISERS)
@pytest.mark.parametrize("level", [0, 200, 999])
def test_every_parametrisation_gives_slice_and_noise(kind: str, level: int) -> None:
    x = normal(1)
    seen = DENOISERS[kind](x, level)
    torch.testing.assert_close(seen.x0, exact_x0(x, level), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(seen.noise, exact_noise(x, level), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["slices", "velocity"])
def test_samplers_do_not_know_what_is_predicted(kind: str) -> None:
    x0, levels = 0.1 + SPREAD * normal(2), levels_up_to(500, 9)

    def there_and_back(denoise: Denoiser) -> tuple[Tensor, Tensor, Tensor]:
        encoded = ddim_encode(x0, denoise, levels, SCHEDULE)
        drawn = ddpm_decode(encoded, denoise, levels, SCHEDULE, SeededNoise(0, range(2)))
        return encoded, ddim_decode(encoded, denoise, levels, SCHEDULE), drawn

    for found, expected in zip(there_and_back(DENOISERS[kind]), there_and_back(DENOISERS["noise"]), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_within_the_range_slice_and_noise_still_make_the_noisy_slice() -> None:
    x, level = 40 * normal(3), 300
    seen = within_range(DENOISERS["noise"], SCHEDULE)(x, level)
    assert float(seen.x0.abs().max()) <= 1 < float(DENOISERS["noise"](x, level).x0.abs().max())
    torch.testing.assert_close(diffuse(seen.x0, seen.noise, float(SCHEDULE.alpha_bar[level])), x, rtol=1e-9, atol=1e-9)


def test_the_posterior_is_what_bayes_says() -> None:
    """Its mean and spread against q(x_t | x_s) q(x_s | x0), multiplied out."""
    x, x0, noisier, less = normal(4), normal(5), float(SCHEDULE.alpha_bar[600]), float(SCHEDULE.alpha_bar[350])
    ratio = noisier / less
    precision = ratio / (1 - ratio) + 1 / (1 - less)
    mean, deviation = posterior(x, x0, noisier, less)
    assert deviation == pytest.approx(precision**-0.5, rel=1e-9)
    expected = (sqrt(ratio) / (1 - ratio) * x + sqrt(less) / (1 - less) * x0) / precision
    torch.testing.assert_close(mean, expected, rtol=1e-9, atol=1e-9)


def test_slices_are_noised_each_at_its_level() -> None:
    x0, noise, t = normal(6).float(), normal(7).float(), torch.tensor([3, 700])
    found = Noising(SCHEDULE)(x0, noise, t)
    for row, level in enumerate(t.tolist()):
        torch.testing.assert_close(found[row], diffuse(x0[row], noise[row], float(SCHEDULE.alpha_bar[level])))


def test_levels_go_down_one_by_one() -> None:
    assert list(downwards([2, 5, 9])) == [(9, 5), (5, 2), (2, None)]
    assert all_levels(SCHEDULE, 3) == [0, 500, 999] and len(all_levels(SCHEDULE, 1000)) == 1000
