"""What training draws slices from: a head with its targets, rendered or real. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .slice_input import stack_inputs

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class HeadSample:
    """A standardised head. `image` float16 [S, H, W]; the rest uint8, 0 to 255.

    `lesion` and `brain` [S, H, W] are shares of a pixel. `lesion_weight` [S, H, W]: how surely the lesion is known;
    None: everywhere. `usable` [S]: slices that may be drawn.
    """

    image: npt.NDArray[np.float16]
    lesion: Bytes
    brain: Bytes
    spacing_mm: float
    usable: npt.NDArray[np.intp]
    lesion_weight: Bytes | None = None


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
    lesion = _share(head.lesion[one])
    known = np.ones_like(lesion) if head.lesion_weight is None else _share(head.lesion_weight[one])
    return Batch(stack_inputs(head.image, head.spacing_mm, [index]), lesion, known, _share(head.brain[one]))


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


def to_bytes(share: npt.NDArray[np.float32]) -> Bytes:
    """0 to 1 as 0 to 255."""
    return np.asarray(share * 255 + 0.5, dtype=np.uint8)


def _share(values: Bytes) -> npt.NDArray[np.float32]:
    return values.astype(np.float32) / np.float32(255)
