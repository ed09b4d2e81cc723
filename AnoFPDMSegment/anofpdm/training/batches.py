"""Everything random about a training step, as a function of seed, step and a slice's place in the batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..diffusion.simplex_noise import simplex_noise
from ..network.config import NULL_LABEL
from .augmentation import augment, draw, moved_lesions
from .config import TrainingConfig
from .rendered_slices import RenderedSlices
from .sampling import BatchSampler
from .slice_batch import SliceBatch, join_batches
from .spatial_condition import spatial_condition
from .training_slices import TrainingSlices


@dataclass
class TrainingBatch:
    """One process's share of a step, on its device."""

    x0: Tensor
    """[N, C, H, W] in [-1, 1]"""
    noise: Tensor
    t: Tensor
    """[N] noise levels, from 0"""
    label: Tensor
    """[N]: 0, 1, or -1 where the label is withheld"""
    level: Tensor
    """[N], NaN where unknown or withheld"""
    condition: Tensor | None = None
    """[N, 1, H, W]: amount of lesion, NaN where unknown or withheld; None for a network without spatial condition."""


class BatchMaker:
    """Makes the batches of one process of `world` that share the work. No state: any step can be made again."""

    def __init__(
        self,
        slices: TrainingSlices,
        config: TrainingConfig,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        rendered: RenderedSlices | None = None,
    ) -> None:
        """`rendered`: the share of each batch that is not real slices, its last; every process makes all of it."""
        self._slices = slices
        self._rendered = rendered
        self._config = config
        self._device = device
        cache = slices.cache
        rows = cache.indices("train")
        real = config.batch_size - (rendered.count if rendered is not None else 0)
        self._sampler = BatchSampler(cache, rows, real, config.balance, config.seed, config.labels)
        share = config.batch_size // world
        self._part = slice(rank * share, (rank + 1) * share)

    def make(self, step: int) -> TrainingBatch:
        """The batch of step 0, 1, ..."""
        config, part = self._config, self._part
        generator = step_generator(config.seed, step)
        shape = (config.batch_size, *self._slices.shape)
        draws = draw(config.augmentation, shape, generator)
        draw_noise = simplex_noise if config.noise == "simplex" else _gaussian_noise
        noise = draw_noise(shape, generator)
        t = draw_noise_levels(config, generator)
        null = torch.rand(config.batch_size, generator=generator) < config.label_dropout
        if config.labels == "healthy":
            null[:] = True
        unknown = torch.rand(config.batch_size, generator=generator) < config.level_dropout
        # Drawn last, so that the numbers above are those of a network without spatial condition.
        withheld = torch.rand(config.batch_size, generator=generator) < config.condition_dropout
        batch = self._batch(step).to(self._device)
        moves = draws.part(part).to(self._device)
        x0, level = augment(batch, moves, config.augmentation)
        condition = None
        if batch.lesion is not None:
            lesion = moved_lesions(batch, moves, config.augmentation)
            condition = spatial_condition(lesion, config.condition_cell_px, withheld[part].to(self._device))
        return TrainingBatch(
            x0=x0,
            noise=noise[part].to(self._device),
            t=t[part].to(self._device),
            label=batch.label.masked_fill(null[part].to(self._device), NULL_LABEL),
            level=level.masked_fill(unknown[part].to(self._device), torch.nan),
            condition=condition,
        )

    def _batch(self, step: int) -> SliceBatch:
        """This process's share of a step's slices: real ones, then rendered ones."""
        rows = self._sampler.rows(step)
        if self._rendered is None:
            return self._slices.batch(rows[self._part])
        everything = join_batches(self._slices.batch(rows), self._rendered.batch(step))
        return everything.part(self._part)


def _gaussian_noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


def step_generator(seed: int, step: int, stream: int = 0) -> torch.Generator:
    """A generator of its own for each step (and stream)."""
    return torch.Generator().manual_seed(step_seed(seed, step, stream))


def step_seed(seed: int, step: int, stream: int = 0) -> int:
    """A number that differs between seeds, steps and streams."""
    return int(np.random.SeedSequence([seed, step, stream]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def draw_noise_levels(config: TrainingConfig, generator: torch.Generator) -> Tensor:
    """Noise levels [batch_size], spread evenly over their distribution in each batch and shuffled.

    All T levels are equally frequent, but for the share that is drawn from the first ones alone.
    """
    n, levels, share = config.batch_size, config.model.schedule.steps, config.focus_share
    place = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator)) / n
    focused = place < share
    first = place / max(share, 1e-9) * config.focus_levels
    other = (place - share) / max(1 - share, 1e-9) * levels
    return torch.where(focused, first, other).long().clamp(0, levels - 1)
