"""The forward process over all examined slices of a volume, in batches sized to memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...core.arrays import FloatArray
from ...diffusion.denoisers import NoisePredictor
from ...diffusion.noise import NoiseSource
from ...diffusion.schedule import NoiseSchedule
from ...diffusion.slices import Arrays, Batching, SlicePredictor, compute_in_batches
from .evidence import Evidence, build_evidence, join_evidence
from .forward_process import run_forward_process
from .model_config import DiffusionConfig
from .operating_point import OperatingPoint


@dataclass(frozen=True)
class GuidedNetwork:
    """A network with what the forward process must know of it."""

    predictor: SlicePredictor
    schedule: NoiseSchedule
    used_channels: Sequence[int]
    healthy_label: int

    @classmethod
    def of(cls, predictor: SlicePredictor, config: DiffusionConfig) -> GuidedNetwork:
        """The network of a model."""
        return cls(predictor, NoiseSchedule.linear(config.schedule), config.used_channels, config.healthy_label)


def accumulate_slices(
    x0: FloatArray, level: FloatArray | None, network: GuidedNetwork, point: OperatingPoint, batching: Batching
) -> Evidence:
    """Evidence of the slices x0 [N, C, H, W] in [-1, 1]; the result does not depend on the batch size.

    Other arguments and errors as of `compute_in_batches`; progress is reported after every visited step.
    """
    channels = list(network.used_channels)

    def forward(batch: Tensor, predict: NoisePredictor, noise: NoiseSource, report: Callable[[float], None]) -> Arrays:
        arrays = run_forward_process(
            batch,
            predict,
            network.schedule,
            point,
            used_channels=channels,
            healthy_label=network.healthy_label,
            noise=noise,
            on_step=lambda step: report(step / point.steps),
        )
        arrays["x0"] = np.ascontiguousarray(batch[:, channels].cpu().numpy())
        return arrays

    parts = compute_in_batches(x0, level, network.predictor, forward, batching)
    return join_evidence([build_evidence(point, arrays) for arrays in parts])
