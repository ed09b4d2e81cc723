"""Batches of slices of heads, as the student's training takes them. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...synthetic.head_sample import HeadSample, to_share
from ...synthetic.material_pool import Pool
from .slice_input import stack_inputs


@dataclass(frozen=True)
class Batch:
    """`inputs` [N, 4, H, W]; targets [N, H, W] in 0 to 1; weights [N, H, W]: 0 where nothing is known."""

    inputs: npt.NDArray[np.float32]
    lesion: npt.NDArray[np.float32]
    lesion_weight: npt.NDArray[np.float32]
    brain: npt.NDArray[np.float32]

    @property
    def fields(self) -> tuple[npt.NDArray[np.float32], ...]:
        """Inputs, lesion, lesion_weight, brain."""
        return (self.inputs, self.lesion, self.lesion_weight, self.brain)


def slice_of(head: HeadSample, index: int) -> Batch:
    """One slice, as a batch of one."""
    one = slice(index, index + 1)
    lesion = to_share(head.lesion[one])
    known = np.ones_like(lesion) if head.lesion_weight is None else to_share(head.lesion_weight[one])
    return Batch(stack_inputs(head.image, head.spacing_mm, [index]), lesion, known, to_share(head.brain[one]))


def join(batches: Sequence[Batch]) -> Batch:
    """One batch of all."""
    return Batch(*(np.concatenate(parts) for parts in zip(*(batch.fields for batch in batches), strict=True)))


def random_slices(rng: np.random.Generator, heads: Sequence[HeadSample], count: int) -> Batch:
    """Random slices, each from a random head."""
    parts = []
    for _ in range(count):
        head = heads[int(rng.integers(len(heads)))]
        parts.append(slice_of(head, int(rng.choice(head.usable))))
    return join(parts)


@dataclass(frozen=True)
class PoolSource:
    """A pool of heads as a source of batches."""

    pool: Pool[HeadSample]

    def draw(self, rng: np.random.Generator, step: int, count: int) -> Batch:
        """`count` slices of the heads at this step."""
        return random_slices(rng, self.pool.samples(step), count)
