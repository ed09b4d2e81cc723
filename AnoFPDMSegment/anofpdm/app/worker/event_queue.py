"""Both output pipes of a worker, emptied by threads into a bounded queue of events and a log."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Callable
from typing import IO

from .events import Download, Event, Notice, Progress, parse_line
from .log import BoundedLog

LONGEST_LINE_BYTES = 1 << 20
"""Of a line that may be an event; what is longer goes to the log in pieces."""
MOST_EVENTS = 10_000


class EventQueue:
    """Threads put in what the worker tells; `take` gives it to the application, which may be slow."""

    def __init__(self, log: BoundedLog, parse: Callable[[str], Event | None] = parse_line) -> None:
        """`parse` finds the event in a line of standard output, if it is one."""
        self._log = log
        self._parse = parse
        self._events: list[Event] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def read(self, process: subprocess.Popen[bytes]) -> None:
        """Begin to empty the pipes of `process`."""
        for stream, take in ((process.stdout, self._take_event), (process.stderr, self._log.add)):
            assert stream is not None
            thread = threading.Thread(target=_read_lines, args=(stream, take), daemon=True)
            thread.start()
            self._threads.append(thread)

    @property
    def drained(self) -> bool:
        """Whether both pipes have ended."""
        return not any(thread.is_alive() for thread in self._threads)

    def take(self) -> list[Event]:
        """The events since the last call."""
        with self._lock:
            events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Wait a moment for the threads, whose pipes end with the process."""
        for thread in self._threads:
            thread.join(timeout=0.5)

    def _take_event(self, line: str) -> None:
        event = self._parse(line)
        counts = isinstance(event, Progress | Download)
        if not counts:
            self._log.add(line)
        if event is None:
            return
        with self._lock:
            if counts and self._events and type(self._events[-1]) is type(event):
                self._events[-1] = event
            elif len(self._events) < MOST_EVENTS or not isinstance(event, Notice):
                self._events.append(event)


def _read_lines(stream: IO[bytes], take: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError, ValueError), stream:
        while line := stream.readline(LONGEST_LINE_BYTES):
            text = line.decode("utf-8", errors="replace").rstrip("\r\n")
            if text:
                take(text)
