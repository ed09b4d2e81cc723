"""Batches for the student: slices with their neighbours from rendered heads and from real volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...arrays import FloatArray
from .rendered_heads import HeadSample
from .slice_input import stack_inputs


@dataclass(frozen=True)
class Batch:
    """`inputs` [N, 4, H, W]; targets [N, H, W] in 0 to 1; weights [N, H, W]: 0 where nothing is known."""

    inputs: FloatArray
    lesion: FloatArray
    lesion_weight: FloatArray
    brain: FloatArray
    brain_weight: FloatArray


class Source(Protocol):
    """Gives slices for a step."""

    def draw(self, rng: np.random.Generator, step: int, count: int) -> Batch:
        """`count` slices."""
        ...


GAIN = 0.1
ALONE = 0.25
"""Share of slices whose neighbours are withheld."""
FLIP = 0.5


def vary(rng: np.random.Generator, batch: Batch) -> Batch:
    """Flip left and right, vary the gain, withhold neighbours, exchange those above and below."""
    count = len(batch.inputs)
    inputs = batch.inputs.copy()
    swapped = rng.random(count) < 0.5
    inputs[swapped, 1:3] = inputs[swapped, 2:0:-1]
    inputs[rng.random(count) < ALONE, 1:] = 0
    inputs[:, :3] *= np.exp(rng.normal(0, GAIN, count)).astype(np.float32)[:, None, None, None]
    flipped = rng.random(count) < FLIP
    fields = [inputs, batch.lesion, batch.lesion_weight, batch.brain, batch.brain_weight]
    turned = []
    for values in fields:
        values = values.copy()
        values[flipped] = values[flipped, ..., ::-1]
        turned.append(values)
    return Batch(*turned)


def join(batches: Sequence[Batch]) -> Batch:
    """One batch of all."""
    names = ("inputs", "lesion", "lesion_weight", "brain", "brain_weight")
    return Batch(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in names))


def slices_of_heads(rng: np.random.Generator, heads: Sequence[HeadSample], count: int) -> Batch:
    """Random slices, each from a random head; nine in ten from where the brain is."""
    parts = []
    for _ in range(count):
        head = heads[int(rng.integers(len(heads)))]
        brainy = np.flatnonzero(head.brain.reshape(len(head.brain), -1).max(1) > 127)
        anywhere = rng.random() < 0.1 or not len(brainy)
        index = int(rng.integers(len(head.image))) if anywhere else int(rng.choice(brainy))
        parts.append(_slice_of(head, index))
    return join(parts)


def _slice_of(head: HeadSample, index: int) -> Batch:
    inputs = stack_inputs(head.image, head.spacing_mm, [index])
    lesion = head.lesion[index][None].astype(np.float32) / 255
    brain = head.brain[index][None].astype(np.float32) / 255
    known = np.ones_like(lesion)
    return Batch(inputs, lesion, known, brain, known)
