"""The forward process over all examined slices of a volume, in batches sized to memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ...core.arrays import FloatArray
from ...core.progress import CancelToken
from ...diffusion.denoisers import NoisePredictor
from ...diffusion.noise import NoiseSource
from ...diffusion.schedule import NoiseSchedule
from ...diffusion.slices import Arrays, SlicePredictor, compute_in_batches
from .evidence import Evidence, build_evidence, join_evidence
from .forward_process import run_forward_process
from .operating_point import OperatingPoint


def accumulate_slices(
    x0: FloatArray,
    level: FloatArray | None,
    predictor: SlicePredictor,
    schedule: NoiseSchedule,
    point: OperatingPoint,
    *,
    used_channels: Sequence[int],
    healthy_label: int,
    device: torch.device,
    seed: int = 0,
    slice_numbers: Sequence[int] | None = None,
    batch_size: int | None = None,
    on_progress: Callable[[float], None] | None = None,
    on_smaller_batch: Callable[[int], None] | None = None,
    cancel: CancelToken | None = None,
) -> Evidence:
    """Evidence of the slices x0 [N, C, H, W] in [-1, 1]; the result does not depend on the batch size.

    Other arguments and errors as of `compute_in_batches`; progress is reported after every visited step.
    """
    channels = list(used_channels)

    def forward(batch: Tensor, predict: NoisePredictor, noise: NoiseSource, report: Callable[[float], None]) -> Arrays:
        arrays = run_forward_process(
            batch,
            predict,
            schedule,
            point,
            used_channels=channels,
            healthy_label=healthy_label,
            noise=noise,
            on_step=lambda step: report(step / point.steps),
        )
        arrays["x0"] = np.ascontiguousarray(batch[:, channels].cpu().numpy())
        return arrays

    parts = compute_in_batches(
        x0,
        level,
        predictor,
        forward,
        device=device,
        seed=seed,
        slice_numbers=slice_numbers,
        batch_size=batch_size,
        on_progress=on_progress,
        on_smaller_batch=on_smaller_batch,
        cancel=cancel,
    )
    return join_evidence([build_evidence(point, arrays) for arrays in parts])
