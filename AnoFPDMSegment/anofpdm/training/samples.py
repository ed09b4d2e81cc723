"""Drawing slices from a trained network: DDIM from noise, for a label and a level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..diffusion.equations import diffuse, guided_noise, noise_from_x0, predict_x0
from ..diffusion.forward_process import NULL_LABEL, NoisePredictor
from ..diffusion.predictor import NetworkPredictor
from ..diffusion.schedule import NoiseSchedule


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
    levels = np.rint(np.linspace(len(schedule) - 1, 0, steps)).astype(int).tolist()
    x, x0 = start, start
    for number, level in enumerate(levels):
        alpha_bar = float(schedule.alpha_bar[level])
        noise = _noise(predict_noise, x, level, label, guidance)
        x0 = predict_x0(x, noise, alpha_bar).clamp(-1, 1)
        if number + 1 < len(levels):
            x = diffuse(x0, noise_from_x0(x, x0, alpha_bar), float(schedule.alpha_bar[levels[number + 1]]))
    return x0


def draw_stack(
    predictor: NetworkPredictor,
    schedule: NoiseSchedule,
    labels: Sequence[int],
    levels: Sequence[float],
    shape: tuple[int, int, int],
    *,
    seed: int,
    steps: int = 50,
    guidance: float = 0.0,
    batch_size: int = 16,
    device: torch.device | str = "cpu",
) -> Tensor:
    """A stack [S, C, H, W] of slices that belong together: all start from the same noise.

    `labels` and `levels` [S] say what each slice shows and where in the head it lies; `shape` is (C, H, W).
    """
    noise = torch.randn((1, *shape), generator=torch.Generator().manual_seed(seed)).to(device)
    stack = []
    for first in range(0, len(labels), batch_size):
        part = slice(first, first + batch_size)
        label = torch.tensor(labels[part], dtype=torch.int64, device=device)
        bound = predictor.for_slices(torch.tensor(levels[part], dtype=torch.float32, device=device))
        start = noise.expand(len(label), *shape)
        stack.append(draw_samples(bound, schedule, label, start, steps=steps, guidance=guidance).cpu())
    return torch.cat(stack)


def _noise(predict_noise: NoisePredictor, x: Tensor, level: int, label: Tensor, guidance: float) -> Tensor:
    t = torch.full_like(label, level)
    if guidance == 0:
        return predict_noise(x, t, label)
    both = predict_noise(torch.cat([x, x]), torch.cat([t, t]), torch.cat([label, torch.full_like(label, NULL_LABEL)]))
    guided: Tensor = guided_noise(both[: len(x)], both[len(x) :], guidance)
    return guided
