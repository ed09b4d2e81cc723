"""The rate of matrix multiplication that a device reaches, which no network can pass by much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from ....core.precision import Precision
from .stopwatch import Clock, seconds_of

DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CPU_SIDES, GPU_SIDES = (512, 1024, 2048), (4096, 8192)
QUICK_SIDES = (256,)
TRIES = 5
IMAGES = 16
"""In the batch of the convolution; divides every side."""


@dataclass(frozen=True)
class MatrixPeak:
    """The best rate found, and by which call."""

    flops_per_s: float
    call: str


@torch.inference_mode()
def matrix_peak(
    device: torch.device, precision: Precision, clock: Clock = "wall", sides: tuple[int, ...] | None = None
) -> MatrixPeak:
    """The best of several products of square matrices.

    Each is tried as a product and as the same product written as a 1x1 convolution: on a CPU the two come from
    different libraries, and which one knows the processor better differs.
    """
    sides = sides or (CPU_SIDES if device.type == "cpu" else GPU_SIDES)
    best = MatrixPeak(0.0, "")
    for side in sides:
        for name, call in _calls(side, device, DTYPES[precision]):
            call()
            seconds = min(seconds_of(call, device, clock) for _ in range(TRIES))
            rate = 2.0 * side**3 / seconds
            if rate > best.flops_per_s:
                best = MatrixPeak(rate, f"{name}, side {side}")
    return best


def _calls(side: int, device: torch.device, dtype: torch.dtype) -> list[tuple[str, Callable[[], object]]]:
    a, b = torch.randn(2, side, side, device=device).to(dtype).unbind(0)
    # As a batch, since single images go another way; channels last, which is the product's own layout.
    image = a.view(IMAGES, side // IMAGES, 1, side).permute(0, 3, 1, 2)
    weight = b.view(side, side, 1, 1)
    return [("product", lambda: a @ b), ("1x1 convolution", lambda: functional.conv2d(image, weight))]
