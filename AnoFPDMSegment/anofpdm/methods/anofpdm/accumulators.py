"""Running sums of the forward process: memory does not grow with the number of steps.

Notation (method section 5): R_t = UGP_t - x0 with the null label's prediction as UGP,
D_t = x0_hat(eps_h) - x0_hat(eps_null), so HGP_t - x0 = R_t + (1 + w) D_t for every w at once.
The x0_hat clamp breaks that identity; then a bank of guidance strengths is accumulated side by side.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...diffusion.equations import predict_x0, prediction_difference
from .operating_point import OperatingPoint


def _channel_mean(values: Tensor) -> Tensor:
    return values.mean(dim=(-2, -1))


class _EndStep:
    """Keeps the state of running sums at the end step t_e: strictly larger M_t moves it.

    With a fixed `end_step` (1-based count of visited steps) it is taken there instead.
    """

    def __init__(self, end_step: int | None) -> None:
        self._fixed = end_step
        self._best: Tensor | None = None
        self.index: Tensor | None = None

    def update(self, step: int, divergence: Tensor) -> Tensor:
        """Where (bool, the shape of `divergence`) the present step becomes the end step."""
        if self._best is None or self.index is None:
            self._best = torch.full_like(divergence, -torch.inf)
            self.index = torch.zeros_like(divergence, dtype=torch.int64)
        if self._fixed is None:
            moved = divergence > self._best
        else:
            moved = torch.full_like(divergence, step == self._fixed - 1, dtype=torch.bool)
        self._best = torch.where(moved, divergence, self._best)
        self.index = torch.where(moved, step, self.index)
        return moved


def _keep(moved: Tensor, new: Tensor, old: Tensor | None) -> Tensor:
    if old is None:
        return new.clone()
    return torch.where(moved[..., None, None], new, old)


class QuadraticAccumulator:
    """Without the clamp: three maps and three scalars a step give every guidance strength."""

    def __init__(self, x0: Tensor, channels: list[int], point: OperatingPoint) -> None:
        self._x0 = x0[:, channels].float()
        self._channels = channels
        self._inclusive = point.includes_end_step
        self._end = _EndStep(point.end_step)
        self._sums: list[Tensor] = [torch.zeros_like(self._x0) for _ in range(3)]
        self._kept: list[Tensor | None] = [None] * 5
        # Reserved at once: many small tensors kept between large ones would fragment the memory.
        self._scalars = self._x0.new_zeros((3, len(x0), point.steps, len(channels)))

    def add(self, step: int, x_t: Tensor, noise_healthy: Tensor, noise_null: Tensor, alpha_bar: float) -> None:
        """Take in one visited step; tensors [N, C, H, W] with all the network's channels."""
        unguided = predict_x0(x_t, noise_null, alpha_bar)[:, self._channels].float()
        residual = unguided - self._x0
        difference = prediction_difference(noise_healthy, noise_null, alpha_bar)[:, self._channels].float()
        products = [residual * residual, residual * difference, difference * difference]
        scalars = torch.stack([_channel_mean(p) for p in products])
        self._scalars[:, :, step] = scalars
        before = [s.clone() for s in self._sums] if not self._inclusive else self._sums
        for total, product in zip(self._sums, products, strict=True):
            total += product
        moved = self._end.update(step, scalars[2])
        snapshot = (*(self._sums if self._inclusive else before), residual, difference)
        self._kept = [_keep(moved, new, old) for new, old in zip(snapshot, self._kept, strict=True)]

    def arrays(self) -> dict[str, np.ndarray]:
        """Fields of `QuadraticEvidence`, float32 (end_index int64)."""
        end_index = self._end.index
        assert end_index is not None
        count = end_index + 1 if self._inclusive else end_index
        # 0/0 = NaN at a count of 0 is the public code's own result; selection deals with it.
        means = [total / count[..., None, None] for total in self._kept[:3] if total is not None]
        named = {
            "mean_rr": means[0],
            "mean_rd": means[1],
            "mean_dd": means[2],
            "residual_end": self._kept[3],
            "difference_end": self._kept[4],
            "rr": self._scalars[0],
            "rd": self._scalars[1],
            "dd": self._scalars[2],
            "end_index": end_index,
        }
        return {name: value.cpu().numpy() for name, value in named.items() if value is not None}


class BankAccumulator:
    """With the clamp: each guidance strength of the bank has its own sums and its own t_e."""

    def __init__(self, x0: Tensor, channels: list[int], point: OperatingPoint) -> None:
        self._x0 = x0[:, channels].float()
        self._channels = channels
        self._bank = point.guidance_bank
        self._paper = point.mode == "paper"
        self._inclusive = point.includes_end_step
        self._end = _EndStep(point.end_step)
        self._sum = self._x0.new_zeros((len(self._bank), *self._x0.shape))
        self._kept_sum: Tensor | None = None
        self._kept_guided: Tensor | None = None
        n, steps, used = len(x0), point.steps, len(channels)
        self._divergence = self._x0.new_zeros((n, len(self._bank), steps, used))
        self._mse_healthy = torch.zeros_like(self._divergence)
        self._mse_unguided = self._x0.new_zeros((n, steps, used))

    def add(self, step: int, x_t: Tensor, noise_healthy: Tensor, noise_null: Tensor, alpha_bar: float) -> None:
        """Take in one visited step; tensors [N, C, H, W] with all the network's channels."""
        null = predict_x0(x_t, noise_null, alpha_bar)[:, self._channels].float()
        difference = prediction_difference(noise_healthy, noise_null, alpha_bar)[:, self._channels].float()
        unguided = (null if self._paper else null + difference).clamp(-1.0, 1.0)
        guided = torch.stack([null + (1.0 + w) * difference for w in self._bank]).clamp_(-1.0, 1.0)
        sam = (guided - self._x0).square()
        divergence = _channel_mean((guided - unguided).square())
        self._divergence[:, :, step] = divergence.transpose(0, 1)
        self._mse_healthy[:, :, step] = _channel_mean(sam).transpose(0, 1)
        self._mse_unguided[:, step] = _channel_mean((unguided - self._x0).square())
        before = self._sum.clone() if not self._inclusive else self._sum
        self._sum += sam
        moved = self._end.update(step, divergence)
        self._kept_sum = _keep(moved, self._sum if self._inclusive else before, self._kept_sum)
        self._kept_guided = _keep(moved, guided, self._kept_guided)

    def arrays(self) -> dict[str, np.ndarray]:
        """Fields of `BankEvidence`, float32 (end_index int64); slices first, then the bank."""
        end_index = self._end.index
        assert end_index is not None and self._kept_sum is not None and self._kept_guided is not None
        count = end_index + 1 if self._inclusive else end_index
        aam = self._kept_sum / count[..., None, None]
        named = {
            "aam_bank": aam.transpose(0, 1),
            "guided_end": self._kept_guided.transpose(0, 1),
            "divergence_bank": self._divergence,
            "mse_healthy_bank": self._mse_healthy,
            "mse_unguided_steps": self._mse_unguided,
            "end_index_bank": end_index.transpose(0, 1),
        }
        return {name: np.ascontiguousarray(value.cpu().numpy()) for name, value in named.items()}
