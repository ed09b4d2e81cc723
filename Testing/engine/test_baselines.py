"""Known behavior of the compared methods, with the exact noise of two Gaussian classes in place of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from evaluation_samples import planted
from gaussian_predictor import GaussianPredictor
from torch import Tensor

from anofpdm.diffusion.noise import SeededNoise
from anofpdm.diffusion.samplers import levels_up_to
from anofpdm.diffusion.schedule import NoiseSchedule, ScheduleConfig
from anofpdm.diffusion.simplex_noise import simplex_noise
from anofpdm.methods.reconstruction.baselines import (
    DDIB,
    GRIDS,
    AnoDDPM,
    Baseline,
    ClassifierGuidance,
    ConditionDifference,
    Shared,
    simplex_from,
)
from anofpdm.methods.reconstruction.tuned_baseline import spread_over_labels

SCHEDULE = NoiseSchedule.linear(ScheduleConfig())
SIZE, SIGMA = 16, 0.15
BLOB = (slice(None), slice(None), slice(5, 10), slice(6, 11))


def shared(steps: int = 60) -> Shared:
    return Shared(SCHEDULE, healthy_label=0, unhealthy_label=1, channels=(0,), steps=steps)


def means() -> tuple[Tensor, Tensor]:
    """The mean slices [1, 1, H, W] of the healthy and of the unhealthy class, which has a bright blob."""
    rows = torch.linspace(-0.6, 0.2, SIZE)[:, None].expand(SIZE, SIZE)
    healthy = rows[None, None].clone()
    unhealthy = healthy.clone()
    unhealthy[BLOB] += 0.8
    return healthy, unhealthy


def slices(mean: Tensor, n: int = 4, seed: int = 0) -> Tensor:
    return mean + SIGMA * torch.randn((n, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def both() -> GaussianPredictor:
    return GaussianPredictor(*means(), SIGMA, SCHEDULE.alpha_bar)


@pytest.fixture
def healthy_only() -> GaussianPredictor:
    healthy, _ = means()
    return GaussianPredictor(healthy, healthy, SIGMA, SCHEDULE.alpha_bar)


def blob_left(x: Tensor) -> float:
    """How much of the blob is left: 1 all of it, 0 nothing."""
    healthy, _ = means()
    return float((x - healthy)[BLOB].mean() / 0.8)


def noise(n: int = 4, seed: int = 0) -> SeededNoise:
    return SeededNoise(seed, range(n))


def restored(baseline: Baseline, x0: Tensor, predictor: GaussianPredictor, setting: dict[str, float]) -> Tensor:
    """The restored slices, from a squared difference whose sign is known: the blob only becomes darker."""
    return x0 - baseline.map(x0, predictor, noise(len(x0)), setting).sqrt()


def test_anoddpm_removes_a_planted_blob_and_keeps_it_at_a_low_level(healthy_only: GaussianPredictor) -> None:
    x0 = slices(means()[1])
    baseline = AnoDDPM(shared())
    assert blob_left(restored(baseline, x0, healthy_only, {"level": 400.0})) < 0.25
    assert blob_left(restored(baseline, x0, healthy_only, {"level": 10.0})) > 0.8
    found = baseline.map(x0, healthy_only, noise(), {"level": 250.0})
    outside = torch.ones_like(found, dtype=torch.bool)
    outside[BLOB] = False
    assert found[BLOB].mean() > 5 * found[outside].mean()


def test_ddib_at_w_minus_one_returns_its_input(both: GaussianPredictor) -> None:
    for x0 in map(slices, means()):
        back = DDIB(shared(200)).translate(x0, both, {"level": 400.0, "guidance": -1.0})
        assert (back - x0).abs().max() < 0.02


def test_ddib_toward_healthy_removes_the_blob_and_leaves_healthy_slices_alone(both: GaussianPredictor) -> None:
    healthy, unhealthy = map(slices, means())
    ddib = DDIB(shared())
    setting = {"level": 600.0, "guidance": 1.0}
    assert blob_left(ddib.translate(unhealthy, both, setting)) < 0.3 < 0.9 < blob_left(unhealthy)
    assert (ddib.translate(healthy, both, setting) - healthy).abs().mean() < 0.03
    weaker = ddib.translate(unhealthy, both, {"level": 100.0, "guidance": 0.0})
    assert blob_left(weaker) > blob_left(ddib.translate(unhealthy, both, setting))


def exact_classifier(predictor: GaussianPredictor):
    def log_healthy(x: Tensor, t: Tensor) -> Tensor:
        a = predictor.alpha_bar[t][:, None, None, None]
        return predictor.log_probability_healthy(x.double(), a, a * predictor.sigma**2 + 1 - a)

    return log_healthy


def test_classifier_guidance_moves_the_classifier_s_score(both: GaussianPredictor) -> None:
    classifier = exact_classifier(both)
    baseline = ClassifierGuidance(shared(), classifier)
    x0 = slices(means()[1])
    level = torch.full((4,), 50)
    scores = []
    for scale in (0.0, 0.5, 1.0):
        moved = baseline.translate(x0, both, {"level": 500.0, "scale": scale})
        scores.append(float(classifier(moved, level).mean()))
    assert scores[0] < scores[1] < scores[2]
    assert blob_left(moved) < 0.4 < 0.9 < blob_left(x0)
    unmoved = baseline.translate(x0, both, {"level": 500.0, "scale": 0.0})
    assert (unmoved - x0).abs().max() < 0.15, "without guidance decoding undoes encoding"


def test_the_difference_of_conditions_shows_the_blob(both: GaussianPredictor) -> None:
    found = ConditionDifference(shared()).map(slices(means()[1]), both, noise(), {"level": 400.0, "steps": 10.0})
    outside = torch.ones_like(found, dtype=torch.bool)
    outside[BLOB] = False
    assert found[BLOB].mean() > 20 * found[outside].mean()


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_evaluations_are_counted_and_a_batch_does_not_matter(both: GaussianPredictor, name: str) -> None:
    baselines: dict[str, Baseline] = {
        "anoddpm-gaussian": AnoDDPM(shared(7)),
        "anoddpm-simplex": AnoDDPM(shared(7), simplex=True),
        "classifier-guidance": ClassifierGuidance(shared(7), exact_classifier(both)),
        "ddib": DDIB(shared(7)),
        "cg-cdm": ConditionDifference(shared(7)),
    }
    baseline = baselines[name]
    x0 = slices(means()[1])
    for setting in (GRIDS[name][0], GRIDS[name][-1]):
        both.calls.clear()
        whole = baseline.map(x0, both, noise(), setting)
        counted = sum(both.calls) / 4
        assert counted == baseline.evaluations(setting)
        part = baseline.map(x0[2:], both, SeededNoise(0, [2, 3]), setting)
        torch.testing.assert_close(part, whole[2:], rtol=1e-4, atol=1e-6)


def test_levels_rise_to_the_last_and_are_never_more_than_there_are() -> None:
    assert levels_up_to(400, 5) == [0, 100, 200, 299, 399]
    assert levels_up_to(3, 25) == [0, 1, 2]


def correlations(images: Tensor, shifts: Sequence[int]) -> list[float]:
    flat = images - images.mean()
    variance = float((flat * flat).mean())
    return [float((flat[..., :-s] * flat[..., s:]).mean()) / variance for s in shifts]


def test_simplex_noise_has_unit_variance_and_long_waves() -> None:
    found = simplex_noise((200, 2, 64, 64), torch.Generator().manual_seed(1))
    assert found.dtype == torch.float32 and found.shape == (200, 2, 64, 64)
    assert abs(float(found.mean())) < 0.05
    assert float(found.var()) == pytest.approx(1, abs=0.05)
    near, far = correlations(found[:, 0], (2, 40))
    assert near > 0.25 and abs(far) < 0.15
    gaussian = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    assert abs(correlations(gaussian[:, 0], (2,))[0]) < 0.02
    channels = found.reshape(200, 2, -1)
    between = (channels[:, 0] * channels[:, 1]).mean()
    assert abs(float(between)) < 0.05, "channels and slices have noise of their own"


def test_simplex_noise_follows_its_generator_and_the_slice() -> None:
    first, again = (simplex_noise((2, 1, 16, 16), torch.Generator().manual_seed(4)) for _ in range(2))
    other = simplex_noise((2, 1, 16, 16), torch.Generator().manual_seed(5))
    assert torch.equal(first, again) and not torch.equal(first, other)
    like = torch.zeros(3, 1, 16, 16)
    whole = simplex_from(SeededNoise(0, [7, 8, 9]))(0, like)
    alone = simplex_from(SeededNoise(0, [9]))(0, like[:1])
    assert torch.equal(whole[2:], alone) and not torch.equal(whole[:1], whole[1:2])


def test_a_part_of_the_slices_keeps_both_labels_in_proportion() -> None:
    data = planted(48, 6).slices
    unhealthy = np.arange(48) % 4 == 0
    chosen = spread_over_labels(replace(data, unhealthy=unhealthy), 12)
    assert len(chosen) == 12 and unhealthy[chosen].sum() == 3
    assert (np.diff(chosen) > 0).all() and set(data.subject[chosen]) == set(range(6))
    part = data.subset(chosen)
    assert len(part) == 12 and (part.row == data.row[chosen]).all() and part.subjects == 6
    assert spread_over_labels(data, 100).tolist() == list(range(48))
