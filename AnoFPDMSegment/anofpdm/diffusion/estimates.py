"""What a denoiser says of a noisy slice, whichever of the noise, the slice or the velocity its network predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from .equations import noise_from_x0, predict_x0
from .schedule import NoiseSchedule

Prediction = Callable[[Tensor, int], Tensor]
"""A network's answer to x_t [N, C, H, W] at a 0-based noise level, of the same shape."""


@dataclass(frozen=True)
class Estimate:
    """Of a noisy slice x_t = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) noise, both [N, C, H, W]."""

    x0: Tensor
    noise: Tensor


Denoiser = Callable[[Tensor, int], Estimate]
"""Of x_t [N, C, H, W] at a 0-based noise level."""


def predicting_noise(predict: Prediction, schedule: NoiseSchedule) -> Denoiser:
    """A network that predicts the noise."""

    def denoise(x: Tensor, level: int) -> Estimate:
        noise = predict(x, level)
        return Estimate(predict_x0(x, noise, float(schedule.alpha_bar[level])), noise)

    return denoise


def predicting_slices(predict: Prediction, schedule: NoiseSchedule) -> Denoiser:
    """A network that predicts the slice x0."""

    def denoise(x: Tensor, level: int) -> Estimate:
        x0 = predict(x, level)
        return Estimate(x0, noise_from_x0(x, x0, float(schedule.alpha_bar[level])))

    return denoise


def predicting_velocity(predict: Prediction, schedule: NoiseSchedule) -> Denoiser:
    """A network that predicts v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x0 (Salimans and Ho 2022)."""

    def denoise(x: Tensor, level: int) -> Estimate:
        velocity, alpha_bar = predict(x, level), float(schedule.alpha_bar[level])
        signal, spread = sqrt(alpha_bar), sqrt(1.0 - alpha_bar)
        return Estimate(signal * x - spread * velocity, spread * x + signal * velocity)

    return denoise


def within_range(denoise: Denoiser, schedule: NoiseSchedule) -> Denoiser:
    """x0 limited to [-1, 1], and the noise derived again from it."""

    def limited(x: Tensor, level: int) -> Estimate:
        x0 = denoise(x, level).x0.clamp(-1, 1)
        return Estimate(x0, noise_from_x0(x, x0, float(schedule.alpha_bar[level])))

    return limited
