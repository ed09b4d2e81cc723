"""Computing on all examined slices of a volume, in batches sized to memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..core.arrays import FloatArray
from ..core.errors import ResourceError
from ..core.out_of_memory import is_out_of_memory
from ..core.progress import CancelToken
from .denoisers import NetworkPredictor, NoisePredictor
from .noise import NoiseSource, SeededNoise

CPU_BATCH, GPU_BATCH = 16, 32
"""Most slices a batch where the user does not say."""
CPU_ROOM_BYTES = 15_000_000
"""Feature maps of a batch on a CPU of up to two threads: larger batches gain less than a tenth there."""
GPU_SHARE = 0.5
"""Of a GPU's free memory, for the feature maps of a batch; kernels need some, too."""


class SlicePredictor(Protocol):
    """Gives the noise predictor of a batch of slices, their levels bound (None: no level)."""

    def for_slices(self, level: Tensor | None) -> NoisePredictor: ...


Arrays = dict[str, np.ndarray]
BatchCompute = Callable[[Tensor, NoisePredictor, NoiseSource, Callable[[float], None]], Arrays]
"""From a batch x0 [n, C, H, W] on the device, the network bound to it and its noise to arrays [n, ...]; to be told the
share of the batch that is done, which may raise to stop the run."""


@dataclass(frozen=True)
class Batching:
    """How slices are computed on: nothing of it changes the result but the noise."""

    device: torch.device
    seed: int = 0
    slice_numbers: Sequence[int] | None = None
    """Number of each slice, which with `seed` gives its noise; None: 0..N-1."""
    batch_size: int | None = None
    """Most slices a batch; None chooses by device. The slices are spread evenly over as few batches as that needs, so
    that the last is no shorter than the time left supposes. Out of memory halves it and goes on."""
    on_progress: Callable[[float], None] | None = None
    """Called with the slices done so far; may raise to stop the run."""
    on_smaller_batch: Callable[[int], None] | None = None
    """Told the new size when memory ran out."""
    cancel: CancelToken | None = None
    """Looked at before every evaluation of the network."""


def compute_in_batches(
    x0: FloatArray, level: FloatArray | None, predictor: SlicePredictor, compute: BatchCompute, batching: Batching
) -> list[Arrays]:
    """What `compute` gives for the slices x0 [N, C, H, W], batch by batch in order.

    `level`: relative level [N] for a network that takes it. Raises Cancelled, and ResourceError when a single slice
    does not fit into memory.
    """
    device, on_progress = batching.device, batching.on_progress
    numbers = list(batching.slice_numbers) if batching.slice_numbers is not None else list(range(len(x0)))
    size = batch_size_for(device, batching.batch_size, predictor)
    parts: list[Arrays] = []
    start = 0
    while start < len(x0):
        left = len(x0) - start
        batch = slice(start, start + math.ceil(left / math.ceil(left / size)))
        count = batch.stop - batch.start

        def report(share: float, start: int = start, count: int = count) -> None:
            if on_progress is not None:
                on_progress(start + count * share)

        try:
            arrays = compute(
                torch.from_numpy(np.ascontiguousarray(x0[batch], dtype=np.float32)).to(device),
                _cancellable(predictor.for_slices(_levels(level, batch, device)), batching.cancel),
                SeededNoise(batching.seed, numbers[batch]),
                report,
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
            parts.append(arrays)
            start = batch.stop
            continue
        # Outside the handler, so that the failed attempt's tensors are no longer held by the traceback.
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if batching.on_smaller_batch is not None:
            batching.on_smaller_batch(size)
    return parts


def batch_size_for(device: torch.device, wanted: int | None, predictor: SlicePredictor | None = None) -> int:
    """The batch size to begin with: the one wanted, or as many slices as the device has room for."""
    if wanted:
        return wanted
    most = CPU_BATCH if device.type == "cpu" else GPU_BATCH
    slice_bytes = predictor.slice_bytes if isinstance(predictor, NetworkPredictor) else 0
    room = _room_bytes(device)
    return most if not (slice_bytes and room) else max(1, min(most, room // slice_bytes))


def _room_bytes(device: torch.device) -> int:
    """Memory for the feature maps of a batch; 0 if it is not known."""
    if device.type == "cpu":
        return CPU_ROOM_BYTES * max(2, torch.get_num_threads()) // 2
    if device.type == "cuda":
        return int(GPU_SHARE * torch.cuda.mem_get_info(device)[0])
    return 0


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
