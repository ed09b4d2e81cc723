"""From slices to a noise level and back, whatever the denoiser predicts; on torch tensors [N, C, H, W]."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor

from .equations import diffuse, posterior
from .estimates import Denoiser
from .noise import NoiseSource
from .schedule import NoiseSchedule


def levels_up_to(last: int, steps: int) -> list[int]:
    """At most `steps` 0-based noise levels, evenly spaced from the first up to level `last` (counted from 1)."""
    return [int(level) for level in np.unique(np.rint(np.linspace(0, last - 1, min(steps, last))))]


def all_levels(schedule: NoiseSchedule, steps: int) -> list[int]:
    """`steps` rising noise levels, evenly spaced over the whole schedule, counted from its noisy end."""
    return [int(level) for level in np.rint(np.linspace(len(schedule) - 1, 0, steps))][::-1]


def downwards(levels: Sequence[int]) -> Iterator[tuple[int, int | None]]:
    """Each of the rising levels with the one below it, the last first; None below the first."""
    yield from zip(reversed(levels), [*reversed(levels[:-1]), None], strict=True)


def ddim_encode(x0: Tensor, denoise: Denoiser, levels: Sequence[int], schedule: NoiseSchedule) -> Tensor:
    """Deterministic DDIM inversion from x0 to the last of the rising levels."""
    x = diffuse(x0, denoise(x0, levels[0]).noise, float(schedule.alpha_bar[levels[0]]))
    for here, following in pairwise(levels):
        seen = denoise(x, here)
        x = diffuse(seen.x0, seen.noise, float(schedule.alpha_bar[following]))
    return x


def ddim_decode(x: Tensor, denoise: Denoiser, levels: Sequence[int], schedule: NoiseSchedule) -> Tensor:
    """Deterministic DDIM from the last of the rising levels down to x0."""
    for here, following in downwards(levels):
        seen = denoise(x, here)
        x = seen.x0 if following is None else diffuse(seen.x0, seen.noise, float(schedule.alpha_bar[following]))
    return x


def ddpm_decode(
    x: Tensor, denoise: Denoiser, levels: Sequence[int], schedule: NoiseSchedule, fresh: NoiseSource
) -> Tensor:
    """DDPM's stochastic way down through the rising levels (last first), which may be fewer than all.

    `denoise` should keep x0 within its range; `fresh(step, like)` gives the noise of each step, counted from 1.
    """
    for step, (here, following) in enumerate(downwards(levels), start=1):
        x0 = denoise(x, here).x0
        if following is None:
            return x0
        mean, deviation = posterior(x, x0, float(schedule.alpha_bar[here]), float(schedule.alpha_bar[following]))
        x = mean + deviation * fresh(step, x)
    return x
