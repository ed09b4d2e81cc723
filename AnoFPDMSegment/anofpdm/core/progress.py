"""Progress of a run and its cancellation, free of any user interface."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """How far a run is: slices done (fractions while a batch is under way) and seconds left."""

    slices_done: float
    slices_total: int
    elapsed_s: float
    remaining_s: float | None
    """To the end of the run, its results written; None until the second step gives a rate."""
    what: str = ""
    """What the slices are counted for, where a run goes over them several times."""
    unit: str = "slices"
    """What is counted."""


ProgressCallback = Callable[[Progress], None]

Stage = Literal["reading", "preparing", "detecting", "building", "calibrating", "registering", "comparing", "writing"]
StageCallback = Callable[[Stage], None]


class CancelToken:
    """Set from any thread or signal handler; the run notices at its next step."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the run to end."""
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called: for code that can only stop, as inside a library's loop."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled once `cancel` was called."""
        if self.is_cancelled:
            raise Cancelled("The run was cancelled; nothing was written.")

    def wait(self, seconds: float) -> None:
        """Let some time pass. Raises Cancelled, at once, when `cancel` is called meanwhile."""
        self._event.wait(seconds)
        self.raise_if_cancelled()


class ProgressClock:
    """Turns slices done into `Progress` with the time left at the rate so far.

    The first report of something done only starts the rate: what came before it (first allocations,
    kernel choice) is not typical of the rest.

    Args:
        afterwards_s: what follows when everything is done; part of the time left.
    """

    def __init__(
        self,
        total: int,
        callback: ProgressCallback | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        afterwards_s: float = 0.0,
    ):
        self._total = total
        self._afterwards_s = afterwards_s
        self._callback = callback
        self._clock = clock
        self._start = clock()
        self._first: tuple[float, float] | None = None

    def report(self, done: float) -> None:
        """`done` slices of the total are finished."""
        now = self._clock()
        remaining = None
        if done >= self._total:
            remaining = self._afterwards_s
        elif self._first is None:
            self._first = (now, done) if done > 0 else None
        else:
            first_time, first_done = self._first
            if done > first_done:
                remaining = (now - first_time) / (done - first_done) * (self._total - done) + self._afterwards_s
        if self._callback is not None:
            self._callback(Progress(done, self._total, now - self._start, remaining))


class PassesClock:
    """`Progress` of a run that goes over the same slices several times, with the time left of all passes.

    Args:
        costs: what a slice costs in each pass, in any whole unit, in their order.
    """

    def __init__(
        self, costs: Sequence[int], callback: ProgressCallback, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._costs = list(costs)
        self._callback = callback
        self._pass = -1
        self._here = Progress(0.0, 0, 0.0, None)
        self._clock = ProgressClock(sum(costs), self._tell, clock)

    def report(self, what: str, done: float, total: int) -> None:
        """`done` slices of `total` in the pass called `what`; another name begins the next pass."""
        if what != self._here.what or self._pass < 0:
            self._pass += 1
        self._here = Progress(done, total, 0.0, None, what)
        before, here = sum(self._costs[: self._pass]), sum(self._costs[self._pass : self._pass + 1])
        self._clock.report(before + here * done / max(total, 1))

    def _tell(self, overall: Progress) -> None:
        self._callback(replace(self._here, elapsed_s=overall.elapsed_s, remaining_s=overall.remaining_s))
