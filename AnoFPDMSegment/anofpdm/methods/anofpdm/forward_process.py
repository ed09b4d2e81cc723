"""The streamed forward process of AnoFPDM (paper, section 3; method sections 2 and 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ...diffusion.denoisers import NoisePredictor
from ...diffusion.equations import ddim_inversion_step, diffuse
from ...diffusion.noise import NoiseSource
from ...diffusion.schedule import NoiseSchedule
from ...network.config import NULL_LABEL
from .accumulators import BankAccumulator, QuadraticAccumulator
from .operating_point import OperatingPoint
from .visited_levels import jump_targets, visited_levels

StepCallback = Callable[[int], None]


def mirrored_too(predict_noise: NoisePredictor) -> NoisePredictor:
    """Predictions averaged with those of the mirrored slices, mirrored back; left to right is the last axis."""

    def predict(x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        mirrored = predict_noise(x_t.flip(-1), t, label).flip(-1)
        return (predict_noise(x_t, t, label) + mirrored) / 2

    return predict


class _Evaluations:
    """Network calls for one batch: healthy and null label in one fused evaluation."""

    def __init__(self, predict_noise: NoisePredictor, healthy_label: int, *, mirrored: bool) -> None:
        self._predict = mirrored_too(predict_noise) if mirrored else predict_noise
        self._healthy = healthy_label

    def null(self, x: Tensor, level: int) -> Tensor:
        n = len(x)
        return self._predict(x, self._levels(n, level, x), self._labels(n, NULL_LABEL))

    def healthy_and_null(self, x: Tensor, level: int) -> tuple[Tensor, Tensor]:
        n = len(x)
        labels = torch.cat([self._labels(n, self._healthy), self._labels(n, NULL_LABEL)])
        both = self._predict(torch.cat([x, x]), self._levels(2 * n, level, x), labels)
        return both[:n], both[n:]

    @staticmethod
    def _levels(n: int, level: int, like: Tensor) -> Tensor:
        return torch.full((n,), int(level), dtype=torch.int64, device=like.device)

    @staticmethod
    def _labels(n: int, label: int) -> Tensor:
        return torch.full((n,), label, dtype=torch.int64)


def _paper_ddim_states(
    x0: Tensor, network: _Evaluations, levels: np.ndarray, alpha_bar: np.ndarray, *, clamp: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """2S + 1 evaluations: the null prediction at each state also makes the next state."""
    first = int(levels[0])
    x = diffuse(x0, network.null(x0, first), alpha_bar[first])
    for here, following in zip(levels, [*levels[1:], None], strict=True):
        noise_healthy, noise_null = network.healthy_and_null(x, int(here))
        yield x, noise_healthy, noise_null
        if following is not None:
            x = ddim_inversion_step(x, noise_null, alpha_bar[here], alpha_bar[following], clamp=clamp)


def _reference_ddim_states(
    x0: Tensor,
    network: _Evaluations,
    levels: np.ndarray,
    targets: np.ndarray,
    alpha_bar: np.ndarray,
    noise: NoiseSource,
    *,
    clamp: bool,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The public code's shifted indexing: the null model sees the previous state at the present
    index, and both predictions treat the new state as that same index (method section 4.2-4.3)."""
    x = diffuse(x0, noise(0, x0), alpha_bar[levels[0]])
    for step, (here, target) in enumerate(zip(levels, targets, strict=True)):
        if step > 0:
            noise_null = network.null(x, int(here))
            x = ddim_inversion_step(x, noise_null, alpha_bar[here], alpha_bar[target], clamp=clamp)
        yield x, *network.healthy_and_null(x, int(here))


def _ddpm_states(
    x0: Tensor, network: _Evaluations, levels: np.ndarray, alpha_bar: np.ndarray, noise: NoiseSource
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Fresh noise at every visited level: 2S evaluations."""
    for step, here in enumerate(levels):
        x = diffuse(x0, noise(step, x0), alpha_bar[here])
        yield x, *network.healthy_and_null(x, int(here))


@torch.inference_mode()
def forward_states(
    x0: Tensor,
    predict_noise: NoisePredictor,
    schedule: NoiseSchedule,
    point: OperatingPoint,
    *,
    healthy_label: int,
    noise: NoiseSource,
) -> Iterator[tuple[Tensor, Tensor, Tensor, float]]:
    """(x_t, noise of the healthy label, noise of the null label, alpha_bar) at each visited step in turn.

    Arguments as of `run_forward_process`.
    """
    levels = visited_levels(point)
    network = _Evaluations(predict_noise, healthy_label, mirrored=point.mirrored)
    alpha_bar = schedule.alpha_bar
    if point.encoding == "ddpm":
        states = _ddpm_states(x0, network, levels, alpha_bar, noise)
    elif point.mode == "reference":
        targets = jump_targets(levels, schedule)
        states = _reference_ddim_states(x0, network, levels, targets, alpha_bar, noise, clamp=point.clamp)
    else:
        states = _paper_ddim_states(x0, network, levels, alpha_bar, clamp=point.clamp)
    for level, (x_t, noise_healthy, noise_null) in zip(levels, states, strict=True):
        yield x_t, noise_healthy, noise_null, float(alpha_bar[level])


@torch.inference_mode()
def run_forward_process(
    x0: Tensor,
    predict_noise: NoisePredictor,
    schedule: NoiseSchedule,
    point: OperatingPoint,
    *,
    used_channels: Sequence[int],
    healthy_label: int,
    noise: NoiseSource,
    on_step: StepCallback | None = None,
) -> dict[str, np.ndarray]:
    """Guided and unguided forward process of one batch of slices, in running sums.

    Args:
        x0: slices [N, C, H, W] in [-1, 1], float32, on the predictor's device.
        predict_noise: the network, or any callable of the same signature.
        point: steps, range, encoding, mode and clamp.
        used_channels: channels whose maps and scalars are kept.
        noise: fresh noise for DDPM encoding, and for the public code's first step.
        on_step: called with the number of visited steps done; may raise to stop the run.

    Returns:
        The arrays of `QuadraticEvidence`, or with the clamp of `BankEvidence`.
    """
    kind = BankAccumulator if point.clamp else QuadraticAccumulator
    accumulator = kind(x0, list(used_channels), point)
    states = forward_states(x0, predict_noise, schedule, point, healthy_label=healthy_label, noise=noise)
    for step, (x_t, noise_healthy, noise_null, alpha_bar) in enumerate(states):
        accumulator.add(step, x_t, noise_healthy, noise_null, alpha_bar)
        if on_step is not None:
            on_step(step + 1)
    return accumulator.arrays()


def network_evaluations(point: OperatingPoint) -> int:
    """Network evaluations a slice: one fused pair a step, and the inversion's own where it is not shared."""
    if point.encoding == "ddpm":
        count = 2 * point.steps
    else:
        count = 2 * point.steps + 1 if point.mode == "paper" else 3 * point.steps - 1
    return 2 * count if point.mirrored else count
