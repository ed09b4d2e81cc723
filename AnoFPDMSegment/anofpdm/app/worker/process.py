"""A worker as the application sees it: started, polled from a timer, cancelled, never waited for."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .event_queue import EventQueue
from .events import Cancelled, Event, Failed, Finished, Started
from .identity import EngineIdentity
from .log import BoundedLog
from .process_tree import end_process_tree, start_process

CANCEL_GRACE_S = 3.0
"""How long a cancelled worker may take to end by itself."""
EXIT_GRACE_S = 10.0
"""How long a worker may take to exit once it has told its result."""
DRAIN_GRACE_S = 2.0
"""How long its pipes may stay open after it has exited."""


class WorkerProcess:
    """One run. Exactly one of Finished, Failed and Cancelled is its last event.

    Call `poll` from a timer, some times a second, until `running` is False.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        log: BoundedLog,
        *,
        engine: EngineIdentity | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is where it starts; `engine` is what it must turn out to be, None: the one of this process."""
        self._command = list(command)
        self._environment = dict(environment)
        self._folder = folder
        self._log = log
        self._engine = engine
        self._clock = clock
        self._queue = EventQueue(log)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = False
        self._identified = False
        self._outcome: Finished | Failed | None = None
        self._over = False
        self._cancelling = False
        self._deadline: float | None = None
        """When the process tree is ended if it has not ended by itself."""
        self._exited_at: float | None = None

    @property
    def running(self) -> bool:
        """From `start` until the last event was handed out."""
        return self._started and not self._over

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to end and has not yet."""
        return self._cancelling and self.running

    @property
    def exit_code(self) -> int | None:
        """The exit status; negative for a POSIX signal, None while it runs."""
        return None if self._process is None else self._process.returncode

    def start(self) -> None:
        """Start the process; a failure to do so is told by `poll` like any other."""
        if self._started:
            raise RuntimeError("A worker is started once.")
        self._started = True
        self._log.add(f"$ {subprocess.list2cmdline(self._command)}")
        if self._engine is None:
            self._engine = EngineIdentity.of_this_process()
        try:
            self._process = start_process(self._command, self._environment, self._folder)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._outcome = Failed(f"The computation could not be started ({reason}); see the log.", None)
            self._log.add(f"{self._command[0]}: {error}")
            return
        self._queue.read(self._process)

    def poll(self) -> list[Event]:
        """What happened since the last call; never blocks."""
        if self._over:
            return []
        if self._process is None:
            return self._end(self._outcome) if self._outcome is not None else []
        events = self._receive()
        now = self._clock()
        exited = self._process.poll() is not None
        if exited and self._exited_at is None:
            self._exited_at = now
        if not exited and self._deadline is not None and now >= self._deadline:
            self._log.add("[the process did not end by itself and was ended]")
            end_process_tree(self._process)
            self._deadline = now + CANCEL_GRACE_S
        if self._exited_at is not None and (self._queue.drained or now >= self._exited_at + DRAIN_GRACE_S):
            events += self._receive()
            events += self._end(self._last_event())
        return events

    def cancel(self) -> None:
        """Ask the worker to end; after 3 seconds its process tree is ended, by `poll`."""
        if self.running and not self._cancelling:
            self._cancelling = True
            self._close_input()
            self._deadline = self._clock() + CANCEL_GRACE_S

    def close(self) -> None:
        """End the worker and all it has started now, without further events."""
        if self._process is not None and not self._over:
            self._close_input()
            end_process_tree(self._process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=2)
            self._queue.close()
        self._over = True

    def _receive(self) -> list[Event]:
        shown: list[Event] = []
        for event in self._queue.take():
            if self._outcome is not None:
                break
            if isinstance(event, Started):
                self._identify(event)
            elif not self._identified:
                self._refuse("A program that is not anofpdm answered in its place; see the log.")
            elif isinstance(event, Finished | Failed):
                self._outcome = event
                self._expect_end(EXIT_GRACE_S)
            if self._outcome is None and not self._cancelling:
                shown.append(event)
        return shown

    def _identify(self, started: Started) -> None:
        assert self._engine is not None
        mismatch = self._engine.mismatch(started)
        if mismatch:
            self._refuse(mismatch)
        self._identified = True

    def _refuse(self, sentence: str) -> None:
        self._outcome = Failed(sentence, None)
        self._close_input()
        if self._process is not None:
            end_process_tree(self._process)

    def _expect_end(self, within_s: float) -> None:
        if self._deadline is None:
            self._deadline = self._clock() + within_s

    def _last_event(self) -> Finished | Failed | Cancelled:
        code = self.exit_code
        if self._cancelling:
            return Cancelled()
        if self._outcome is not None:
            return self._outcome
        how = f"ended by signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        return Failed(
            f"The computation ended unexpectedly ({how}), most often because memory ran out; close other programs and "
            "try again, or report the log.",
            code,
        )

    def _end(self, event: Event) -> list[Event]:
        if self._process is not None:
            self._close_input()
            # Whatever it has started must not outlive it.
            end_process_tree(self._process)
            self._queue.close()
        self._over = True
        return [event]

    def _close_input(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
