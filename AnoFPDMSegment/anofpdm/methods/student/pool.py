"""Training material made while training runs: a pool that is renewed step by step, by another process.

What is in the pool at a step follows from the step's number alone, so that a run that was interrupted goes on with the
very same material.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Protocol

import numpy as np

from .samples import Batch, HeadSample, random_slices

AHEAD = 8


class Maker(Protocol):
    """Makes sample number 0, 1, ...; the same number always gives the same sample. Must be picklable."""

    def __call__(self, number: int) -> HeadSample:
        """The sample."""
        ...


class Pool:
    """`size` samples at every step, `rate` of them new a step; a source of batches."""

    def __init__(self, maker: Maker, *, size: int, rate: float, workers: int) -> None:
        """`workers`: processes that make samples ahead of time; 0: this one makes them when they are asked for."""
        self._size, self._rate, self._maker = size, rate, maker
        self._samples: dict[int, HeadSample | Future[HeadSample]] = {}
        context = multiprocessing.get_context("spawn")
        self._processes = (
            ProcessPoolExecutor(workers, context, initializer=_start, initargs=(maker,)) if workers else None
        )

    def draw(self, rng: np.random.Generator, step: int, count: int) -> Batch:
        """`count` slices of the samples at this step."""
        return random_slices(rng, self.samples(step), count)

    def samples(self, step: int) -> list[HeadSample]:
        """The pool at this step."""
        first = int(step * self._rate)
        last = first + self._size
        for number in [number for number in self._samples if number < first]:
            del self._samples[number]
        for number in range(first, last + AHEAD if self._processes else last):
            if number not in self._samples:
                made = self._processes.submit(_make, number) if self._processes else self._maker(number)
                self._samples[number] = made
        ready = []
        for number in range(first, last):
            sample = self._samples[number]
            if isinstance(sample, Future):
                self._samples[number] = sample = sample.result()
            ready.append(sample)
        return ready

    def close(self) -> None:
        """End the processes."""
        if self._processes is not None:
            self._processes.shutdown(wait=True, cancel_futures=True)


_maker: Maker | None = None


def _start(maker: Maker) -> None:
    import torch

    torch.set_num_threads(1)
    global _maker
    _maker = maker


def _make(number: int) -> HeadSample:
    assert _maker is not None
    return _maker(number)
