"""The forward process over all examined slices of a volume, in batches sized to memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..arrays import FloatArray
from ..configuration import OperatingPoint
from ..errors import ResourceError
from ..evidence.maps import Evidence, build_evidence, join_evidence
from ..out_of_memory import is_out_of_memory
from ..progress import CancelToken
from .forward_process import NoisePredictor, run_forward_process
from .noise import SeededNoise
from .schedule import NoiseSchedule

CPU_BATCH, GPU_BATCH = 8, 32


class SlicePredictor(Protocol):
    """Gives the noise predictor of a batch of slices, their levels bound (None: no level)."""

    def for_slices(self, level: Tensor | None) -> NoisePredictor: ...


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

    Args:
        level: relative level [N] for a network that takes it.
        slice_numbers: number of each slice, which with `seed` gives its noise; default 0..N-1.
        batch_size: most slices a batch; None chooses by device. The slices are spread evenly over as few
            batches as that needs, so that the last is no shorter than the time left supposes. Out of
            memory halves it and goes on.
        on_progress: called after every step with the slices done so far; may raise to stop the run.
        on_smaller_batch: told the new size when memory ran out.
        cancel: looked at before every evaluation of the network.

    Raises Cancelled, and ResourceError when a single slice does not fit into memory.
    """
    numbers = list(slice_numbers) if slice_numbers is not None else list(range(len(x0)))
    size = batch_size_for(device, batch_size)
    parts: list[Evidence] = []
    start = 0
    while start < len(x0):
        left = len(x0) - start
        batch = slice(start, start + math.ceil(left / math.ceil(left / size)))
        count = batch.stop - batch.start

        def on_step(step: int, start: int = start, count: int = count) -> None:
            if on_progress is not None:
                on_progress(start + count * step / point.steps)

        try:
            arrays = run_forward_process(
                torch.from_numpy(np.ascontiguousarray(x0[batch], dtype=np.float32)).to(device),
                _cancellable(predictor.for_slices(_levels(level, batch, device)), cancel),
                schedule,
                point,
                used_channels=used_channels,
                healthy_label=healthy_label,
                noise=SeededNoise(seed, numbers[batch]),
                on_step=on_step,
            )
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if count == 1:
                raise ResourceError(
                    f"Memory ran out on {device.type} even for a single slice; close other programs or use "
                    "another device."
                ) from error
            size = max(1, min(size // 2, count - 1))
        else:
            arrays["x0"] = np.ascontiguousarray(x0[batch][:, list(used_channels)], dtype=np.float32)
            parts.append(build_evidence(point, arrays))
            start = batch.stop
            continue
        # Outside the handler, so that the failed attempt's tensors are no longer held by the traceback.
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if on_smaller_batch is not None:
            on_smaller_batch(size)
    return join_evidence(parts)


def batch_size_for(device: torch.device, wanted: int | None) -> int:
    """The batch size to begin with: the one wanted, or the device's usual one."""
    return wanted or (CPU_BATCH if device.type == "cpu" else GPU_BATCH)


def smaller_batch(size: int) -> str:
    """What the user is told when memory ran out and batches of `size` follow."""
    return f"Memory ran out; going on with batches of {size} slice(s)."


def _cancellable(predict_noise: NoisePredictor, cancel: CancelToken | None) -> NoisePredictor:
    if cancel is None:
        return predict_noise

    def predict(x_t: Tensor, t: Tensor, label: Tensor) -> Tensor:
        cancel.raise_if_cancelled()
        return predict_noise(x_t, t, label)

    return predict


def _levels(level: FloatArray | None, batch: slice, device: torch.device) -> Tensor | None:
    if level is None:
        return None
    return torch.from_numpy(np.ascontiguousarray(level[batch], dtype=np.float32)).to(device)
