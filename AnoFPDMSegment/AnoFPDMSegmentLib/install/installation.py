"""An installation in processes of their own: polled from a timer and cancelled like a worker's run."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

from anofpdm.app.worker.child_environment import child_environment
from anofpdm.app.worker.event_queue import EventQueue
from anofpdm.app.worker.events import Cancelled, Download, Event, Failed, Finished, Notice
from anofpdm.app.worker.log import BoundedLog
from anofpdm.app.worker.process_tree import end_process_tree, start_process
from anofpdm.app.worker.run_folder import RunFolder

from .torch_state import older_than

DRAIN_GRACE_S = 2.0
"""How long its pipes may stay open after a process has exited."""
_RAW_PROGRESS = ">=24.1"
"""The pip that tells how far a download is in lines ("Progress 1024 of 4096"); asked for by another, it refuses."""


@dataclass(frozen=True)
class Step:
    """One call of Slicer's Python."""

    sentence: str
    """What is going on meanwhile."""
    arguments: tuple[str, ...]
    """After the interpreter."""


class Installation:
    """Its last event is Finished, Failed or Cancelled; a cancelled one may leave packages half installed."""

    def __init__(
        self,
        python: str,
        steps: Sequence[Step],
        folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is where downloads go meanwhile; None: where the system has temporary files."""
        self.log = BoundedLog()
        self._python = python
        self._steps = list(steps)
        self._parent = folder
        self._clock = clock
        self._folder: RunFolder | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._queue = EventQueue(self.log)
        self._begun: list[Event] = []
        self._exitedAt: float | None = None
        self._started = self._over = self._cancelling = False

    @property
    def running(self) -> bool:
        """From `start` until the last event was handed out."""
        return self._started and not self._over

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to end and has not yet."""
        return self._cancelling and self.running

    def start(self) -> None:
        """Begin with the first step. Raises OSError."""
        if self._started:
            raise RuntimeError("An installation is started once.")
        self._folder = RunFolder(self._parent)
        try:
            self._next()
        except OSError:
            self.close()
            raise
        self._started = True

    def poll(self) -> list[Event]:
        """What happened since the last call; never blocks."""
        if not self.running or self._process is None:
            return []
        code = self._process.poll()
        events, self._begun = [*self._begun, *self._queue.take()], []
        if code is None:
            return events
        self._exitedAt = self._clock() if self._exitedAt is None else self._exitedAt
        if not self._queue.drained and self._clock() < self._exitedAt + DRAIN_GRACE_S:
            return events
        events += self._queue.take()
        if self._cancelling:
            return [self._end(Cancelled())]
        if code:
            return [*events, self._end(Failed("It did not succeed.", code))]
        if not self._steps:
            return [*events, self._end(Finished("", ""))]
        try:
            self._next()
        except OSError as error:
            self.log.add(str(error))
            return [*events, self._end(Failed("It did not succeed.", None))]
        return events

    def cancel(self) -> None:
        """End it at once; `poll` tells."""
        if self.running and self._process is not None:
            self._cancelling = True
            end_process_tree(self._process)

    def close(self) -> None:
        """End it if it runs, without further events, and remove what was downloaded."""
        if self._process is not None:
            end_process_tree(self._process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=2)
            self._queue.close()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
        self._over = True

    def _next(self) -> None:
        step = self._steps.pop(0)
        call = [self._python, *step.arguments]
        self.log.add(f"$ {subprocess.list2cmdline(call)}")
        assert self._folder is not None
        self._process = start_process(call, self._environment(), self._folder.empty)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._exitedAt = None
        self._queue = EventQueue(self.log, _PipLines(step.sentence))
        self._queue.read(self._process)
        self._begun.append(Notice(step.sentence))

    def _environment(self) -> dict[str, str]:
        assert self._folder is not None
        variables = {**child_environment(), **self._folder.environment, "PIP_NO_INPUT": "1"}
        with contextlib.suppress(metadata.PackageNotFoundError):
            if not older_than(metadata.version("pip"), _RAW_PROGRESS):
                variables["PIP_PROGRESS_BAR"] = "raw"
        return variables

    def _end(self, event: Event) -> Event:
        self.close()
        return event


class _PipLines:
    """The lines of pip that say how far it is."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def __call__(self, line: str) -> Event | None:
        text = line.strip()
        if found := re.fullmatch(r"Progress (\d+) of (\d+)", text):
            return Download(self._sentence, int(found[1]), int(found[2]))
        if found := re.match(r"Downloading (?:\S*/)?([\w.]+-[\w.%+!]+)-\S+\.whl(?!\S)", text):
            self._sentence = f"Downloading {unquote(found[1]).replace('-', ' ')}..."
            return Notice(self._sentence)
        if text.startswith("Installing collected packages:"):
            return Notice("Unpacking; this takes a minute or two...")
        return None
