"""Time and memory of a piece of work on a device."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch.profiler import ProfilerActivity, profile

Clock = Literal["wall", "processor"]
SHORTEST_S = 1e-6


def seconds_of(work: Callable[[], object], device: torch.device, clock: Clock = "wall") -> float:
    """How long `work` takes, waited for, never 0.

    `processor` is this process's time alone, all its threads together, for a CPU that others use too.
    """
    now = time.process_time if clock == "processor" else time.perf_counter
    _wait_for(device)
    start = now()
    work()
    _wait_for(device)
    # Clocks that tick slowly may not move at all.
    return max(now() - start, SHORTEST_S)


def peak_bytes(work: Callable[[], object], device: torch.device) -> int | None:
    """The most memory that tensors held at once during `work`, beyond what was there before; None where unknown."""
    if device.type == "cuda":
        _wait_for(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        work()
        _wait_for(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    if device.type != "cpu":
        return None
    with _silent_profiler(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        work()
    held = largest = 0
    for event in record.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            largest = max(largest, held)
    return largest


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@contextlib.contextmanager
def _silent_profiler() -> Iterator[None]:
    """Some versions of torch write the profiler's start and end to standard error."""
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)
