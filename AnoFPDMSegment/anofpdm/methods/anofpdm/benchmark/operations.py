"""Floating-point operations of a run, counted on the network itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ....diffusion.denoisers import NoisePredictor
from ....network.config import NULL_LABEL


@dataclass(frozen=True)
class EvaluationCost:
    """Operations of one evaluation of one slice: matrix products and convolutions, a multiply-add being two."""

    healthy: int
    null: int

    def total(self, healthy: int, null: int) -> float:
        """So many evaluations with the healthy label, so many with the null label."""
        return float(self.healthy) * healthy + float(self.null) * null


@torch.inference_mode()
def evaluation_cost(predict_noise: NoisePredictor, slice_: Tensor, healthy_label: int) -> EvaluationCost:
    """Count one evaluation of each label on `slice_` [1, C, H, W], which the network is bound to."""

    def count(label: int) -> int:
        t = torch.full((1,), 100, dtype=torch.int64, device=slice_.device)
        # The fused attention kernels of some devices are not counted; this one is made of products.
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            predict_noise(slice_, t, torch.full((1,), label, dtype=torch.int64))
        return int(counter.get_total_flops())

    for label in (healthy_label, NULL_LABEL):
        count(label)  # what is worked out once for a label is no part of an evaluation
    return EvaluationCost(count(healthy_label), count(NULL_LABEL))
