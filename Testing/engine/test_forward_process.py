"""The forward process against closed forms, a store-everything oracle and the public code's figures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run_python
from gaussian_predictor import GaussianPredictor
from torch import Tensor

from anofpdm.core.errors import SettingsError
from anofpdm.diffusion.equations import guided_noise, noise_from_x0, predict_x0
from anofpdm.diffusion.noise import SeededNoise
from anofpdm.diffusion.schedule import NoiseSchedule, ScheduleConfig
from anofpdm.methods.anofpdm.algorithm1 import anomaly_strength, quantile_of, quantile_thresholds
from anofpdm.methods.anofpdm.evidence import Evidence, build_evidence
from anofpdm.methods.anofpdm.forward_process import mirrored_too, network_evaluations, run_forward_process
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.methods.anofpdm.select import resolve, select
from anofpdm.methods.anofpdm.settings import SelectionSettings
from anofpdm.methods.anofpdm.similarity import similarity
from anofpdm.methods.anofpdm.visited_levels import jump_targets, visited_levels
from anofpdm.thresholds.postprocessing import median_filter
from anofpdm.thresholds.settings import MinimumSize, Threshold

GOLDEN = Path(__file__).parent.parent / "golden" / "forward_process_reference.npz"
SCHEDULE = NoiseSchedule.linear(ScheduleConfig())
STRENGTHS = (0.0, 0.5, 2.0, 8.0, 30.0)


def gaussians(size: int = 8, channels: int = 2, sigma: float = 0.12) -> GaussianPredictor:
    generator = torch.Generator().manual_seed(3)
    healthy = torch.rand(channels, size, size, generator=generator) - 0.5
    unhealthy = healthy.clone()
    unhealthy[:, 2:5, 3:6] += 0.35
    return GaussianPredictor(healthy, unhealthy, sigma, SCHEDULE.alpha_bar)


def draw(predictor: GaussianPredictor, count: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(8)
    means = torch.stack([predictor.unhealthy if i % 2 == 0 else predictor.healthy for i in range(count)])
    return (means + predictor.sigma * torch.randn(means.shape, generator=generator, dtype=torch.float64)).float()


def run(x0: Tensor, predictor, point: OperatingPoint, noise=None, channels=(0, 1)) -> Evidence:
    arrays = run_forward_process(
        x0,
        predictor,
        SCHEDULE,
        point,
        used_channels=channels,
        healthy_label=0,
        noise=noise or SeededNoise(4, range(len(x0))),
    )
    return build_evidence(point, {**arrays, "x0": x0[:, list(channels)].numpy()})


# --- closed forms


@pytest.mark.parametrize("w", STRENGTHS)
@pytest.mark.parametrize("level", [0, 50, 399])
def test_guidance_is_the_gradient_of_the_probability_of_healthy(w: float, level: int) -> None:
    predictor = gaussians()
    a = float(SCHEDULE.alpha_bar[level])
    x = (a**0.5 * draw(predictor).double() + (1 - a) ** 0.5 * torch.randn(4, 2, 8, 8, dtype=torch.float64)).float()
    t = torch.full((4,), level)
    healthy, null = (predictor(x, t, torch.full((4,), label)) for label in (0, -1))
    hgp, ugp = predict_x0(x, guided_noise(healthy, null, w), a), predict_x0(x, null, a)

    leaf = x.double().requires_grad_()
    alpha = torch.tensor(a, dtype=torch.float64)
    variance = alpha * predictor.sigma**2 + 1 - alpha
    (gradient,) = torch.autograd.grad(predictor.log_probability_healthy(leaf, alpha, variance).sum(), leaf)
    expected = (1 + w) * (1 - a) / a**0.5 * gradient
    assert (hgp - ugp - expected).abs().max() <= 2e-5 * max(1.0, float(expected.abs().max()))


def test_the_inversion_converges_to_the_closed_form_path() -> None:
    """For one Gaussian class (x_t - sqrt(a) mean) / sqrt(a sigma^2 + 1 - a) stays constant along the path."""
    predictor = gaussians()
    predictor.unhealthy = predictor.healthy
    x0 = draw(predictor)
    a_end = SCHEDULE.alpha_bar[499]
    scale = ((a_end * predictor.sigma**2 + 1 - a_end) ** 0.5) / predictor.sigma
    expected = a_end**0.5 * predictor.healthy + scale * (x0.double() - predictor.healthy)
    errors = []
    for steps in (8, 32, 125, 500):
        states: list[Tensor] = []

        def spy(x_t: Tensor, t: Tensor, label: Tensor, states: list[Tensor] = states) -> Tensor:
            states.append(x_t[: len(x0)])
            return predictor(x_t, t, label)

        run(x0, spy, OperatingPoint(steps=steps, first=1, last=500))
        errors.append(float((states[-1] - expected).abs().max()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.04 < errors[0]
    # First order in the step: four times the steps, about a quarter of the error.
    assert errors[-2] / errors[-1] > 2.5


def test_noise_from_x0_undoes_predict_x0() -> None:
    x, noise = torch.randn(2, 1, 4, 4), torch.randn(2, 1, 4, 4)
    assert torch.allclose(noise_from_x0(x, predict_x0(x, noise, 0.3), 0.3), noise, atol=1e-5)


# --- the store-everything oracle


def oracle(x0: Tensor, predictor, point: OperatingPoint, w: float) -> dict[str, np.ndarray]:
    """Method section 2 with every step kept, maps in float64; paper mode only.

    States are rounded to float32 like the engine's, whose sums are under test here, not its path.
    """
    levels = visited_levels(point)
    a = SCHEDULE.alpha_bar
    noise = SeededNoise(4, range(len(x0)))
    limit = (lambda v: v.clamp(-1, 1)) if point.clamp else (lambda v: v)
    x0 = x0.double()
    n = len(x0)

    def eps(x: Tensor, level: int, label: int) -> Tensor:
        return predictor(x.float(), torch.full((n,), level), torch.full((n,), label)).double()

    def x0_hat(x: Tensor, e: Tensor, level: int) -> Tensor:
        return (x - (1 - a[level]) ** 0.5 * e) / a[level] ** 0.5

    guided, unguided = [], []
    x = (a[levels[0]] ** 0.5 * x0 + (1 - a[levels[0]]) ** 0.5 * eps(x0, int(levels[0]), -1)).float().double()
    for step, level in enumerate(map(int, levels)):
        if point.encoding == "ddpm":
            x = a[level] ** 0.5 * x0 + (1 - a[level]) ** 0.5 * noise(step, x0.float()).double()
        e_h, e_n = eps(x, level, 0), eps(x, level, -1)
        guided.append(limit(x0_hat(x, (1 + w) * e_h - w * e_n, level)))
        unguided.append(limit(x0_hat(x, e_n, level)))
        if step + 1 < len(levels):
            target = x0_hat(x, e_n, level)
            if point.clamp:
                target = target.clamp(-1, 1)
                e_n = (x - a[level] ** 0.5 * target) / (1 - a[level]) ** 0.5
            following = int(levels[step + 1])
            x = (a[following] ** 0.5 * target + (1 - a[following]) ** 0.5 * e_n).float().double()
    hgp, ugp = torch.stack(guided, 1), torch.stack(unguided, 1)
    divergence = (hgp - ugp).square().mean((-1, -2)).numpy()
    end = divergence.argmax(1)
    if point.end_step is not None:
        end = np.full_like(end, point.end_step - 1)
    sam = (hgp - x0[:, None]).square().numpy()
    aam = np.stack([[sam[i, : end[i, c] + 1, c].mean(0) for c in range(2)] for i in range(n)])
    last = np.stack([[sam[i, end[i, c], c] for c in range(2)] for i in range(n)])
    prediction = np.stack([[hgp[i, end[i, c], c].numpy() for c in range(2)] for i in range(n)])
    return {
        "divergence": divergence,
        "end": end,
        "aam": aam,
        "last_sam": last,
        "healthy_prediction": prediction,
        "mse_healthy": sam.mean((-1, -2)),
        "mse_unguided": (ugp - x0[:, None]).square().mean((-1, -2)).numpy(),
    }


POINTS = {
    "ddim": OperatingPoint(steps=25, first=1, last=400),
    "ddpm": OperatingPoint(steps=25, first=1, last=400, encoding="ddpm"),
    "ddim-clamped": OperatingPoint(steps=25, first=1, last=600, clamp=True, guidance_bank=STRENGTHS),
    "ddpm-clamped": OperatingPoint(steps=9, first=10, last=300, encoding="ddpm", clamp=True, guidance_bank=STRENGTHS),
    "fixed-end": OperatingPoint(steps=12, first=1, last=400, end_step=7),
    "fixed-end-clamped": OperatingPoint(steps=12, last=400, end_step=7, clamp=True, guidance_bank=STRENGTHS),
}


@pytest.mark.parametrize("name", POINTS)
def test_streamed_sums_equal_stored_steps_for_every_guidance_strength(name: str) -> None:
    predictor, point = gaussians(sigma=0.3), POINTS[name]
    x0 = draw(predictor)
    evidence = run(x0, predictor, point)
    for w in STRENGTHS:
        stored = oracle(x0, predictor, point, w)
        assert np.array_equal(evidence.end(w), stored["end"])
        for quantity in ("aam", "last_sam", "healthy_prediction", "divergence", "mse_healthy"):
            streamed = getattr(evidence, quantity)(w)
            largest = np.abs(stored[quantity]).max()
            assert np.abs(streamed - stored[quantity]).max() <= 1e-5 * largest, (quantity, w)
        assert np.allclose(evidence.mse_unguided(), stored["mse_unguided"], rtol=1e-5, atol=1e-7)


def test_end_step_is_dynamic_somewhere_before_the_last_step() -> None:
    """Otherwise the comparisons above would not notice a snapshot that always moves."""
    predictor = gaussians(sigma=0.3)
    ends = run(draw(predictor), predictor, POINTS["ddim"]).end(2.0)
    assert ((ends > 0) & (ends < 24)).any()


def test_network_evaluations_are_as_few_as_the_method_allows() -> None:
    predictor = gaussians()
    x0 = draw(predictor, 3)
    run(x0, predictor, OperatingPoint(steps=10, last=100))
    assert sum(predictor.calls) == 3 * (2 * 10 + 1)
    assert max(predictor.calls) == 6
    predictor.calls.clear()
    run(x0, predictor, OperatingPoint(steps=10, last=100, encoding="ddpm"))
    assert sum(predictor.calls) == 3 * 2 * 10
    for point in (OperatingPoint(steps=10, last=100, mirrored=mirrored) for mirrored in (False, True)):
        predictor.calls.clear()
        run(x0, predictor, point)
        assert sum(predictor.calls) == 3 * network_evaluations(point)


@pytest.mark.parametrize("encoding", ["ddim", "ddpm"])
def test_mirrored_predictions_treat_left_and_right_alike(encoding: str) -> None:
    predictor = gaussians()
    x0 = draw(predictor)
    once = OperatingPoint(steps=5, last=300, encoding=encoding)
    both = dataclasses.replace(once, mirrored=True)

    def same_noise(step: int, like: Tensor) -> Tensor:
        return torch.full_like(like, 0.1 * step)

    found, mirrored = (run(x, predictor, both, same_noise).aam(2.0) for x in (x0, x0.flip(-1)))
    np.testing.assert_allclose(found, mirrored[..., ::-1], rtol=1e-4, atol=1e-6)
    alone, flipped = (run(x, predictor, once, same_noise).aam(2.0) for x in (x0, x0.flip(-1)))
    assert np.abs(alone - flipped[..., ::-1]).max() > 0.1 * alone.max(), "the predictor itself tells them apart"
    x_t, t, label = torch.cat([x0, x0]), torch.full((2 * len(x0),), 100), torch.tensor([0, -1]).repeat_interleave(4)
    mean = (predictor(x_t, t, label) + predictor(x_t.flip(-1), t, label).flip(-1)) / 2
    torch.testing.assert_close(mirrored_too(predictor)(x_t, t, label), mean)


def test_unused_channels_enter_the_network_but_not_the_maps() -> None:
    predictor = gaussians(channels=3)
    x0 = draw(predictor)
    both = run(x0, predictor, OperatingPoint(steps=5, last=200), channels=(0, 1, 2))
    one = run(x0, predictor, OperatingPoint(steps=5, last=200), channels=(2,))
    assert np.array_equal(one.aam(3.0)[:, 0], both.aam(3.0)[:, 2])


def test_seeded_noise_does_not_depend_on_the_batch() -> None:
    predictor = gaussians()
    x0, point = draw(predictor), dataclasses.replace(POINTS["ddpm"], steps=6)
    whole = run(x0, predictor, point).aam(2.0)
    parts = [run(x0[i : i + 1], predictor, point, SeededNoise(4, [i])).aam(2.0) for i in range(len(x0))]
    assert np.allclose(np.concatenate(parts), whole, rtol=1e-6)
    other = run(x0, predictor, point, SeededNoise(5, range(4))).aam(2.0)
    assert not np.allclose(other, whole, rtol=1e-2)


def test_memory_does_not_grow_with_the_steps() -> None:
    script = """
import resource, numpy as np, torch
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.diffusion.schedule import ScheduleConfig
from anofpdm.methods.anofpdm.forward_process import run_forward_process
from anofpdm.diffusion.noise import SeededNoise
from anofpdm.diffusion.schedule import NoiseSchedule
torch.set_num_threads(1)
x0 = torch.rand(8, 2, 64, 64)
for steps in (30, 300):
    run_forward_process(
        x0, lambda x, t, y: 0.1 * x + 0.01 * y[:, None, None, None], NoiseSchedule.linear(ScheduleConfig()),
        OperatingPoint(steps=steps, last=600), used_channels=[0, 1], healthy_label=0,
        noise=SeededNoise(0, range(8)),
    )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    few, many = (int(line) for line in run_python("-c", script, timeout=240).stdout.split())
    # Storing the 300 steps' predictions would add 0.16 GB.
    assert many <= 1.1 * few


# --- visited levels


def test_visited_levels_are_rounded_and_include_both_ends() -> None:
    assert visited_levels(OperatingPoint(steps=600, first=1, last=600)).tolist() == list(range(600))
    assert visited_levels(OperatingPoint(steps=3, first=1, last=400)).tolist() == [0, 200, 399]


def test_the_reference_mode_must_end_before_the_schedule_does() -> None:
    levels = visited_levels(OperatingPoint(steps=1000, first=1, last=1000, mode="reference"))
    with pytest.raises(SettingsError, match="end the range earlier"):
        jump_targets(levels, SCHEDULE)


# --- figures of the public code


@pytest.mark.parametrize("clamp", [False, True])
def test_reference_mode_reproduces_the_public_code(clamp: bool) -> None:
    golden = np.load(GOLDEN)
    prefix = "clamp_" if clamp else "noclamp_"
    w = float(golden["w"])
    x0 = torch.from_numpy(golden["x0"])
    predictor = GaussianPredictor(
        torch.from_numpy(golden["mean_healthy"]),
        torch.from_numpy(golden["mean_unhealthy"]),
        float(golden["sigma"]),
        golden["alphas_cumprod"],
    )
    steps = int(golden["steps"])
    bank = (w,) if clamp else ()
    point = OperatingPoint(steps=steps, first=1, last=steps, mode="reference", clamp=clamp, guidance_bank=bank)
    evidence = run(x0, predictor, point, noise=lambda step, like: torch.from_numpy(golden["noise_first_step"]))

    def agrees(ours: np.ndarray, name: str) -> None:
        theirs = golden[prefix + name]
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max(), name

    agrees(evidence.divergence(w), "M")
    agrees(evidence.mse_healthy(w), "mse_h")
    agrees(evidence.mse_unguided(), "mse_u")
    assert np.array_equal(evidence.end(w), golden[prefix + "t_e"])
    largest = evidence.divergence(w).max(axis=1)
    scaling = largest[golden["label"] == 1].max(axis=0)
    agrees(scaling, "M_max")
    alike = similarity(evidence.mse_healthy(w), evidence.mse_unguided())
    agrees(alike, "similarity")
    assert np.array_equal(alike <= 0.99, golden[prefix + "decision_at_0p99"] == 1)
    aam = evidence.aam(w)
    quantiles = quantile_of(anomaly_strength(largest, scaling), truncate=True)
    threshold = quantile_thresholds(aam, quantiles).mean(axis=1)[:, None, None]
    filtered = median_filter(aam.mean(axis=1))
    agrees(filtered[:, None], "map_filtered")
    theirs = golden[prefix + "mask_ungated"][:, 0] == 1
    near = np.abs(filtered - threshold) <= 1e-5 * filtered.max()
    assert np.array_equal((filtered >= threshold) | near, theirs | near)
    assert theirs.any() and near.sum() < 10
    chosen = SelectionSettings(
        guidance=w,
        threshold=Threshold("dynamic"),
        scaling=tuple(scaling.tolist()),
        decision="similarity",
        decision_threshold=0.99,
    )
    choices = resolve(point, x0.shape[1], chosen, None, MinimumSize(pixels=0))
    selection = select(evidence, np.zeros(filtered.shape, dtype=bool), choices)
    unhealthy = golden[prefix + "decision_at_0p99"] == 1
    assert np.array_equal((selection.score >= 1) | near, theirs | near)
    assert np.array_equal(selection.accepted, np.broadcast_to(unhealthy[:, None, None], theirs.shape))
    if not clamp and evidence.end(w).max() == steps - 1:
        ends_last = (evidence.end(w) == steps - 1)[:, :, None, None]
        predicted = np.where(ends_last, evidence.healthy_prediction(w), golden[prefix + "hgp_last"])
        agrees(predicted, "hgp_last")


def test_the_public_code_truncates_the_quantile_level() -> None:
    exact, truncated = (quantile_of(np.array([0.53, 0.59]), truncate=t) for t in (False, True))
    assert np.allclose(exact, 0.98 - 0.08 * np.array([0.53, 0.59]))
    assert np.allclose(truncated, 0.98 - 0.08 * np.array([0.52, 0.58]))


@pytest.mark.parametrize("bank", [(), (2.0,)])
def test_a_fixed_end_step_counts_the_steps_aggregated_in_both_modes(bank: tuple[float, ...]) -> None:
    predictor = gaussians()
    x0 = draw(predictor)
    for mode in ("paper", "reference"):
        point = OperatingPoint(steps=6, last=200, mode=mode, end_step=1, clamp=bool(bank), guidance_bank=bank)
        evidence = run(x0, predictor, point)
        assert np.allclose(evidence.aam(2.0), evidence.last_sam(2.0), rtol=1e-4, atol=1e-6)
