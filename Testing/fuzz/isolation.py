"""Cases run in a forked child that is used again: a crash, a hang or a lack of memory ends the child, not the run."""

from __future__ import annotations

import faulthandler
import os
import re
import resource
import select
import signal
import struct
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

Work = Callable[[int], str]
"""Does the case of this number and returns what became of it; what it raises is a traceback."""
WALL_FACTOR = 12
"""Wall time that may go by for a second of processor time, beside other programs or asleep."""


@dataclass(frozen=True)
class Limits:
    """Of a case; memory beyond what the child has when it begins."""

    memory_bytes: int
    processor_s: float


class Child:
    """A process that does cases one after the other."""

    def __init__(self, work: Work, limits: Limits, prepare: Callable[[], None] = lambda: None) -> None:
        """`prepare` is called in each new process, before its memory is limited."""
        self._work = work
        self._limits = limits
        self._prepare = prepare
        self._process = 0
        self._to = self._back = -1

    def run(self, number: int) -> str:
        """What became of the case: what `work` returned, or `traceback`, `crash` or `hang`, each with some words."""
        if not self._process:
            self._start()
        os.write(self._to, struct.pack("<q", number))
        answer = self._answer()
        if answer is not None:
            return answer
        # A sleeping process does not end by itself.
        os.kill(self._process, signal.SIGKILL)
        _, status = os.waitpid(self._process, 0)
        self._close()
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if ended in (signal.SIGPROF, signal.SIGKILL):
            return f"hang: more than {self._limits.processor_s:g} s"
        return f"crash: {signal.Signals(ended).name if ended else f'exit status {os.WEXITSTATUS(status)}'}"

    @property
    def lives(self) -> bool:
        """Whether there is a process, which did not end in its last case."""
        return bool(self._process)

    def end(self) -> None:
        """The process is ended."""
        if self._process:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            self._close()

    def _start(self) -> None:
        child_reads, self._to = os.pipe()
        self._back, child_writes = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = os.fork()
        if not self._process:
            os.close(self._to)
            os.close(self._back)
            self._serve(child_reads, child_writes)
        os.close(child_reads)
        os.close(child_writes)

    def _answer(self) -> str | None:
        text = b""
        while not text.endswith(b"\0"):
            ready, _, _ = select.select([self._back], [], [], WALL_FACTOR * self._limits.processor_s)
            piece = os.read(self._back, 65536) if ready else b""
            if not piece:
                return None
            text += piece
        return text[:-1].decode("utf-8", "replace")

    def _close(self) -> None:
        os.close(self._to)
        os.close(self._back)
        self._process = 0

    def _serve(self, orders: int, answers: int) -> NoReturn:
        try:
            self._prepare()
            faulthandler.disable()
            # Ctrl-C reaches every process of the terminal; it is the command that ends its children.
            for ending in (signal.SIGINT, signal.SIGTERM):
                signal.signal(ending, signal.SIG_IGN)
            # They would stand on the user's terminal, and mean that something was computed from nonsense.
            warnings.simplefilter("error", RuntimeWarning)
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            while len(order := os.read(orders, 8)) == 8:
                (number,) = struct.unpack("<q", order)
                os.write(answers, self._limited(number).encode("utf-8", "replace").replace(b"\0", b" ") + b"\0")
        finally:
            os._exit(0)

    def _limited(self, number: int) -> str:
        signal.setitimer(signal.ITIMER_PROF, self._limits.processor_s)
        most = _virtual_bytes() + self._limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        try:
            return self._work(number)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
            place = traceback.extract_tb(error.__traceback__)[-1]
            return f"traceback: {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"[:500]
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            signal.setitimer(signal.ITIMER_PROF, 0)


def _virtual_bytes() -> int:
    found = re.search(r"VmSize:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
