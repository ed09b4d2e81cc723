"""Polls a worker from a timer, so that the window stays alive while it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import qt

if TYPE_CHECKING:
    from anofpdm.app.worker.events import Event

INTERVAL_MS = 150


class Run(Protocol):
    """A started worker: `WorkerProcess` or `DetectionRun`."""

    @property
    def running(self) -> bool: ...

    @property
    def cancelling(self) -> bool: ...

    def poll(self) -> list[Event]: ...

    def cancel(self) -> None: ...

    def close(self) -> None: ...


class RunController:
    """One run at a time; what it tells goes to the listener it was started with."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._listener: Callable[[Event], None] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.connect("timeout()", self._poll)

    @property
    def running(self) -> bool:
        """Whether a worker is there, cancelled or not."""
        return self._run is not None

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to end and has not yet."""
        return self._run is not None and self._run.cancelling

    def follow(self, run: Run, listener: Callable[[Event], None]) -> None:
        """Watch a started run; its last event is Finished, Failed or Cancelled."""
        if self._run is not None:
            raise RuntimeError("Another run is being followed.")
        self._run, self._listener = run, listener
        self._timer.start()

    def cancel(self) -> None:
        """Ask the worker to end; it is ended after a while if it does not."""
        if self._run is not None:
            self._run.cancel()

    def abandon(self) -> None:
        """End the worker at once; the listener hears no more of it."""
        self._timer.stop()
        run, self._run = self._run, None
        if run is not None:
            run.close()

    def _poll(self) -> None:
        run, listener = self._run, self._listener
        if run is None or listener is None:
            return
        events = run.poll()
        if not run.running:
            # Before the last event is told: the listener may want to start another run.
            self._timer.stop()
            self._run = None
        for event in events:
            listener(event)
