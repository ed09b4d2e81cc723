"""Training material made while training runs: a pool that is renewed step by step, by another process.

What is in the pool at a step follows from the step's number alone, so that a run that was interrupted goes on with the
very same material.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

AHEAD = 8

Sample = TypeVar("Sample")
Made = TypeVar("Made", covariant=True)


class Maker(Protocol[Made]):
    """Makes sample number 0, 1, ...; the same number always gives the same sample. Must be picklable."""

    def __call__(self, number: int) -> Made:
        """The sample."""
        ...


class Pool(Generic[Sample]):
    """`size` samples at every step, `rate` of them new a step."""

    def __init__(self, maker: Maker[Sample], *, size: int, rate: float, workers: int) -> None:
        """`workers`: processes that make samples ahead of time; 0: this one makes them when they are asked for."""
        self._size, self._rate, self._maker = size, rate, maker
        self._samples: dict[int, Sample | Future[Sample]] = {}
        context = multiprocessing.get_context("spawn")
        self._processes = (
            ProcessPoolExecutor(workers, context, initializer=_start, initargs=(maker,)) if workers else None
        )

    def samples(self, step: int) -> list[Sample]:
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


_maker: Maker[Any] | None = None


def _start(maker: Maker[Any]) -> None:
    import torch

    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    torch.set_num_threads(1)
    global _maker
    _maker = maker


def _end_after(sentinel: int) -> None:
    """A training process that is killed ends no executor: what it started would wait for work for ever."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _make(number: int) -> Any:
    assert _maker is not None
    return _maker(number)
