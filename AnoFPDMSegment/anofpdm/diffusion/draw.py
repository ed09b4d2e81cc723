"""Drawing from a trained network: slices for a label and a level, and the slices of a whole head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..network.config import NULL_LABEL
from .denoisers import NetworkPredictor, NoisePredictor
from .equations import guided_noise
from .estimates import Estimate, predicting_noise, within_range
from .samplers import all_levels, ddim_decode, ddpm_decode
from .schedule import NoiseSchedule

NEIGHBOURS = ((0.7, 8), (0.5, 3), (0.2, 1))
"""From which share of all noise levels on predictions are smoothed over neighbouring slices, and how many times."""


@torch.inference_mode()
def draw_samples(
    predict_noise: NoisePredictor,
    schedule: NoiseSchedule,
    label: Tensor,
    start: Tensor,
    *,
    steps: int = 50,
    guidance: float = 0.0,
) -> Tensor:
    """Slices [N, C, H, W] in [-1, 1] that deterministic DDIM sampling makes of noise.

    Args:
        predict_noise: the network, with the slices' levels bound to it.
        label: [N] int64; -1 draws with the null label.
        start: standard normal noise [N, C, H, W], float32.
        steps: noise levels visited, evenly spaced from T down to 1.
        guidance: w >= 0 draws with (1 + w) eps_label - w eps_null; of no effect on the null label.

    At each level x0_hat is limited to [-1, 1] and the noise derived again from it.
    """

    def noise(x: Tensor, level: int) -> Tensor:
        return _noise(predict_noise, x, level, label, guidance)

    denoise = within_range(predicting_noise(noise, schedule), schedule)
    return ddim_decode(start, denoise, all_levels(schedule, steps), schedule)


@torch.inference_mode()
def draw_stack(
    predictor: NetworkPredictor,
    schedule: NoiseSchedule,
    levels: Sequence[float],
    lesion: Sequence[float],
    shape: tuple[int, int, int],
    *,
    seed: int,
    labels: tuple[int, int],
    steps: int = 50,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Neighbouring slices [S, C, H, W] in [-1, 1] of one head, healthy or with a lesion in some of them.

    Args:
        predictor: the network.
        schedule: its noise levels.
        levels: [S], where in the head each slice lies, from below to above.
        lesion: [S], s >= 0: each slice follows eps_healthy + s (eps_unhealthy - eps_healthy). 0 is a healthy slice, 1
            an unhealthy one, and more exaggerates what tells them apart.
        shape: (C, H, W).
        seed: names the head; the same one with another `lesion` is its twin.
        labels: the network's healthy and unhealthy label.
        steps: noise levels visited, evenly spaced from T down to 1.
        device: where to compute.

    DDPM's sampling: unlike the deterministic one it corrects the errors of a small network,
    which otherwise leave noise in the slices. All slices get the same noise at the start and at every level, and at the
    noisier levels, where the shape of the head is settled, their predictions are smoothed over their neighbours.
    """
    generator = torch.Generator().manual_seed(seed)
    bound = predictor.for_slices(torch.tensor(levels, dtype=torch.float32, device=device))
    strength = torch.tensor(lesion, dtype=torch.float32, device=device)[:, None, None, None]

    def noise(x: Tensor, level: int) -> Tensor:
        return _lesion_noise(bound, x, level, strength, labels)

    def fresh(step: int = 0, like: Tensor | None = None) -> Tensor:
        return _shared_noise(generator, len(levels), shape, device)

    limited = within_range(predicting_noise(noise, schedule), schedule)

    def denoise(x: Tensor, level: int) -> Estimate:
        seen = limited(x, level)
        return replace(seen, x0=_join_neighbours(seen.x0, level / len(schedule)))

    return ddpm_decode(fresh(), denoise, all_levels(schedule, steps), schedule, fresh).cpu()


def _shared_noise(
    generator: torch.Generator, slices: int, shape: tuple[int, int, int], device: torch.device | str
) -> Tensor:
    return torch.randn((1, *shape), generator=generator).to(device).expand(slices, *shape)


def _lesion_noise(
    predict_noise: NoisePredictor, x: Tensor, level: int, strength: Tensor, labels: tuple[int, int]
) -> Tensor:
    healthy, unhealthy = (torch.full((len(x),), label, dtype=torch.int64, device=x.device) for label in labels)
    t = torch.full_like(healthy, level)
    noise = predict_noise(x, t, healthy)
    if bool((strength > 0).any()):
        noise = noise + strength * (predict_noise(x, t, unhealthy) - noise)
    return noise


def _join_neighbours(x0: Tensor, progress: float) -> Tensor:
    """Smooth over slices by (1, 2, 1) / 4 as often as this share of all noise levels asks for."""
    for _ in range(next((times for least, times in NEIGHBOURS if progress >= least), 0)):
        padded = torch.cat([x0[:1], x0, x0[-1:]])
        x0 = (padded[:-2] + 2 * x0 + padded[2:]) / 4
    return x0


def _noise(predict_noise: NoisePredictor, x: Tensor, level: int, label: Tensor, guidance: float) -> Tensor:
    t = torch.full_like(label, level)
    if guidance == 0:
        return predict_noise(x, t, label)
    both = predict_noise(torch.cat([x, x]), torch.cat([t, t]), torch.cat([label, torch.full_like(label, NULL_LABEL)]))
    guided: Tensor = guided_noise(both[: len(x)], both[len(x) :], guidance)
    return guided
