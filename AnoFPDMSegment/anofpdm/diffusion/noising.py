"""Noisy slices at levels of their own, as training and its looks need them."""

from __future__ import annotations

import torch
from torch import Tensor

from .equations import mixed
from .schedule import NoiseSchedule


class Noising:
    """The forward process (see `equations.diffuse`) with its factors on a device, float32."""

    def __init__(self, schedule: NoiseSchedule, device: torch.device | str = "cpu") -> None:
        alpha_bar = torch.from_numpy(schedule.alpha_bar)
        self._signal = alpha_bar.sqrt().float().to(device)
        self._spread = (1 - alpha_bar).sqrt().float().to(device)

    def __call__(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t [N, C, H, W] of the slices x0 at 0-based noise levels t [N]."""
        signal, spread = (root[t][:, None, None, None] for root in (self._signal, self._spread))
        return mixed(x0, noise, signal, spread)
