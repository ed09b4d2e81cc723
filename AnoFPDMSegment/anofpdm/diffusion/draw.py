"""Drawing slices for a label from a trained network."""

from __future__ import annotations

import torch
from torch import Tensor

from .denoisers import NoisePredictor
from .estimates import predicting_noise, within_range
from .samplers import all_levels, ddim_decode
from .schedule import NoiseSchedule


@torch.inference_mode()
def draw_samples(
    predict_noise: NoisePredictor, schedule: NoiseSchedule, label: Tensor, start: Tensor, *, steps: int = 50
) -> Tensor:
    """Slices [N, C, H, W] in [-1, 1] that deterministic DDIM sampling makes of noise.

    Args:
        predict_noise: the network, with the slices' levels bound to it.
        label: [N] int64; `NULL_LABEL` draws with the null label.
        start: standard normal noise [N, C, H, W], float32.
        steps: noise levels visited, evenly spaced from T down to 1.

    At each level x0_hat is limited to [-1, 1] and the noise derived again from it.
    """

    def noise(x: Tensor, level: int) -> Tensor:
        return predict_noise(x, torch.full_like(label, level), label)

    denoise = within_range(predicting_noise(noise, schedule), schedule)
    return ddim_decode(start, denoise, all_levels(schedule, steps), schedule)
