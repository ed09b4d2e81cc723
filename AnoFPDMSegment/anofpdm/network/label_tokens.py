"""The label as extra key/value tokens of the attention blocks, and what is kept of them between calls.

A label vector e (E values) supplies E tokens, the columns of its outer product e eᵀ (method
section 1). A token's key and value are therefore `e_i (W e) + b`: one matrix-vector product instead
of E. The null label's vector is zero, so its tokens are all `b`: one token whose logit is raised by
log E does the same (method section 5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST_GROUP_COUNT = 4
"""Batches that alternate more often between labels than this are run token by token."""


@dataclass(frozen=True)
class LabelKeysValues:
    """One label's tokens for one attention block."""

    keys: Tensor
    """`[heads, tokens, head width]`"""
    values: Tensor
    """`[heads, tokens, head width]`"""
    logits: tuple[float, ...]
    """What is added to the tokens' logits; empty when nothing is."""


class KnownLabel:
    """One label's vector `[E]` and, filled in by the attention blocks, its keys and values."""

    def __init__(self, label: int, vector: Tensor) -> None:
        self.label = label
        self.vector = vector
        self.keys_values: dict[tuple[int, torch.dtype], LabelKeysValues] = {}


@dataclass(frozen=True)
class LabelGroup:
    """The samples `start:stop` of a batch share one label."""

    start: int
    stop: int
    label: KnownLabel


@dataclass(frozen=True)
class LabelBatch:
    """The labels of one batch, as the attention blocks need them."""

    vectors: Tensor
    """`[N, E]`, zero for the null label"""
    groups: tuple[LabelGroup, ...] | None
    """None: labels differ freely or gradients are wanted; work from `vectors`."""
    plain: bool = False
    """Follow the formulas step by step, for comparison."""


class LabelMemory:
    """The labels worked out so far; a copied or pickled memory starts empty."""

    def __init__(self) -> None:
        self._stamp: tuple[int, ...] = ()
        self._labels: dict[tuple[int, torch.device], KnownLabel] = {}

    def __reduce__(self) -> tuple[type[LabelMemory], tuple[()]]:
        return LabelMemory, ()

    def forget(self) -> None:
        """Drop everything, because the weights may have changed."""
        self._labels.clear()

    def check(self, parameters: Sequence[Tensor]) -> None:
        """Forget if any of the parameters was written to since the last check."""
        stamp = tuple(0 if p.is_inference() else p._version for p in parameters)
        if stamp != self._stamp:
            self.forget()
            self._stamp = stamp

    def find(self, label: int, device: torch.device) -> KnownLabel | None:
        """The label on that device, if it is known."""
        return self._labels.get((label, device))

    def keep(self, known: KnownLabel) -> None:
        """Remember a label on its vector's device."""
        self._labels[known.label, known.vector.device] = known


def contiguous_groups(labels: Sequence[int]) -> list[tuple[int, int, int]]:
    """Runs of equal labels as `(start, stop, label)`."""
    starts = [i for i in range(len(labels)) if i == 0 or labels[i] != labels[i - 1]]
    return [(a, b, labels[a]) for a, b in zip(starts, [*starts, len(labels)][1:], strict=True)]


def repeated_token_logits(count: int, dtype: torch.dtype) -> tuple[float, ...]:
    """Logits of as few tokens as stand for `count` equal ones within the accuracy of float32.

    One token with log(count) in float32; 16-bit types round that number (by 1.2 % of the weight at
    512 in bfloat16), so a second token makes up for what the first, rounded down, lacks.
    """
    exact = math.log(count)
    first = torch.tensor(exact, dtype=dtype)
    if dtype in (torch.float32, torch.float64):
        return (exact,)
    if first.item() > exact:
        first = torch.nextafter(first, torch.tensor(0.0, dtype=dtype))
    lacking = count - math.exp(first.item())
    if lacking < 1e-6 * count:
        return (first.item(),)
    return (first.item(), torch.tensor(math.log(lacking), dtype=dtype).item())
