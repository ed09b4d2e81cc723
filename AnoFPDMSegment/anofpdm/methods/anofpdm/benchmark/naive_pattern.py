"""The public reference's pattern of computing, to compare with: four evaluations a step, every step stored.

What it computes is the engine's `reference` mode at one guidance strength (method section 4); nothing but the benchmark
uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....diffusion.denoisers import NoisePredictor
from ....diffusion.equations import ddim_inversion_step, diffuse, guided_noise, predict_x0
from ....diffusion.noise import NoiseSource
from ....diffusion.schedule import NoiseSchedule
from ....network.config import NULL_LABEL
from ....network.unet import ConditionalUNet
from ..operating_point import OperatingPoint
from ..visited_levels import jump_targets, visited_levels


@dataclass(frozen=True)
class NaiveMaps:
    """What the stored steps give: N slices, S visited steps, C used channels."""

    aam: Tensor
    """[N, C, H, W]: SAM_t averaged over the steps before t_e; NaN where t_e is the first step."""
    divergence: Tensor
    """[N, S, C]: M_t."""
    mse_healthy: Tensor
    """[N, S, C]: MSE^h_t."""
    mse_unguided: Tensor
    """[N, S, C]: MSE^u_t."""
    end_index: Tensor
    """[N, C]: t_e."""


class FormulaPredictor:
    """The network as its formulas stand: no shortcut for labels, attention or memory, no change of layout."""

    def __init__(self, network: ConditionalUNet, level: Tensor | None = None) -> None:
        self._network = network
        self._level = level

    def for_slices(self, level: Tensor | None) -> FormulaPredictor:
        """The same network bound to the levels of another batch."""
        return FormulaPredictor(self._network, level)

    def __call__(self, x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        with self._network.plain_formulas():
            noise: Tensor = self._network(x_t, t, label, self._level)
        return noise


def naive_evaluations(steps: int) -> int:
    """Network evaluations a slice: four a step, but no inversion before the first."""
    return 4 * steps - 1


def stored_bytes(slices: int, channels: int, pixels: int, steps: int) -> int:
    """What the two stored float32 predictions of every step take."""
    return 2 * 4 * slices * channels * pixels * steps


@torch.inference_mode()
def run_naive_pattern(
    x0: Tensor,
    predict_noise: NoisePredictor,
    schedule: NoiseSchedule,
    point: OperatingPoint,
    w: float,
    *,
    used_channels: Sequence[int],
    healthy_label: int,
    noise: NoiseSource,
) -> NaiveMaps:
    """One batch of slices x0 [N, C, H, W] at guidance strength `w`; other arguments as of `run_forward_process`."""
    levels = visited_levels(point)
    targets = jump_targets(levels, schedule)
    alpha_bar = schedule.alpha_bar
    channels = list(used_channels)
    guided, unguided = (
        torch.empty(len(x0), len(levels), len(channels), *x0.shape[2:], device=x0.device) for _ in range(2)
    )

    def evaluate(x: Tensor, level: int, label: int) -> Tensor:
        labels = torch.full((len(x),), label, dtype=torch.int64)
        return predict_noise(x, torch.full((len(x),), level, dtype=torch.int64, device=x.device), labels)

    x = diffuse(x0, noise(0, x0), alpha_bar[levels[0]])
    for step, (here, target) in enumerate(zip(map(int, levels), map(int, targets), strict=True)):
        if step > 0:
            x = ddim_inversion_step(
                x, evaluate(x, here, NULL_LABEL), alpha_bar[here], alpha_bar[target], clamp=point.clamp
            )
        towards_healthy = guided_noise(evaluate(x, here, healthy_label), evaluate(x, here, NULL_LABEL), w)
        for stored, predicted in ((guided, towards_healthy), (unguided, evaluate(x, here, healthy_label))):
            x0_hat = predict_x0(x, predicted, alpha_bar[here])[:, channels]
            stored[:, step] = x0_hat.clamp(-1.0, 1.0) if point.clamp else x0_hat
    return _aggregated(x0[:, channels], guided, unguided)


def _aggregated(x0: Tensor, guided: Tensor, unguided: Tensor) -> NaiveMaps:
    """From the stored predictions [N, S, C, H, W], slice by slice so that they stay the largest thing in memory."""
    aam = torch.empty_like(x0)
    divergence, mse_healthy, mse_unguided = (guided.new_empty(guided.shape[:3]) for _ in range(3))
    for i in range(len(x0)):
        divergence[i] = (guided[i] - unguided[i]).square().mean(dim=(-2, -1))
        mse_unguided[i] = (unguided[i] - x0[i]).square().mean(dim=(-2, -1))
        sam = (guided[i] - x0[i]).square()
        mse_healthy[i] = sam.mean(dim=(-2, -1))
        for channel, end in enumerate(divergence[i].argmax(dim=0).tolist()):
            aam[i, channel] = sam[:end, channel].mean(dim=0)
    return NaiveMaps(aam, divergence, mse_healthy, mse_unguided, divergence.argmax(dim=1))
