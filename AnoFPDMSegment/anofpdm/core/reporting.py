"""What a running command tells: a progress bar for people, JSON lines for programs, or nothing."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TextIO

from .. import __version__
from .plain_text import STEERING, printable
from .progress import Progress, Stage
from .run_log import LOGGER, already_told

_NOT_OF_ONE_LINE = re.compile(f"[{STEERING}\t\n]+")


def one_line(text: str) -> str:
    """`text` without line breaks and what else would steer a terminal, which names of files may hold."""
    return _NOT_OF_ONE_LINE.sub(" ", text).strip()


def say(text: str) -> None:
    """The outcome, or a part of it, on standard output."""
    already_told(logging.INFO, text)
    print(printable(text), flush=True)


def complain(message: str, who: str = "anofpdm") -> None:
    """One line for people on standard error; `who` says it."""
    already_told(logging.WARNING, message)
    print(f"{who}: {one_line(message)}", file=sys.stderr, flush=True)


class Reporter(Protocol):
    """Receives what happens during a run."""

    def begin_case(self, name: str | None) -> None: ...

    def stage(self, stage: Stage) -> None: ...

    def progress(self, progress: Progress) -> None: ...

    def notice(self, message: str) -> None: ...

    def partial(self, text: str) -> None: ...

    def result(self, text: str, details: dict[str, Any]) -> None: ...

    def error(self, message: str, status: int) -> None: ...


class SilentReporter:
    """Prints notices and errors to standard error and the result to standard output; no progress."""

    def __init__(self) -> None:
        self._case = ""

    def begin_case(self, name: str | None) -> None:
        """The case of a table that follows, named by every notice; None after the last one."""
        self._case = "" if name is None else f"{one_line(name)}: "

    def stage(self, stage: Stage) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def notice(self, message: str) -> None:
        """A fallback or warning, one sentence."""
        complain(f"{self._case}{message}")

    def partial(self, text: str) -> None:
        """A part of the outcome, one line."""
        say(text)

    def result(self, text: str, details: dict[str, Any]) -> None:
        """The outcome for people."""
        say(text)

    def error(self, message: str, status: int) -> None:
        """Why the run ended."""
        complain(message)


class BarReporter(SilentReporter):
    """A line that fills on a terminal; elsewhere a few lines a minute at most."""

    WIDTH = 28

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._stream = stream or sys.stderr
        self._open = False
        self._pace = _Pace(clock)

    def begin_case(self, name: str | None) -> None:
        """The case of a table that follows; None after the last one."""
        self._close()
        super().begin_case(name)

    def progress(self, progress: Progress) -> None:
        """Slices done and time left."""
        share = progress.slices_done / max(progress.slices_total, 1)
        left = "" if progress.remaining_s is None else f", {format_seconds(progress.remaining_s)} left"
        what = f"{progress.what}: " if progress.what else ""
        text = f"{self._case}{what}{int(progress.slices_done)} of {progress.slices_total} {progress.unit}{left}"
        if self._stream.isatty():
            filled = int(share * self.WIDTH)
            bar = "#" * filled + "." * (self.WIDTH - filled)
            self._stream.write(f"\r[{bar}] {text}\x1b[K")
            self._open = True
            if progress.slices_done >= progress.slices_total:
                self._close()
        elif self._pace.is_due(f"{self._case}{what}", share):
            self._stream.write(text + "\n")
        self._stream.flush()

    def notice(self, message: str) -> None:
        """A fallback or warning, one sentence."""
        self._close()
        super().notice(message)

    def partial(self, text: str) -> None:
        """A part of the outcome, one line."""
        self._close()
        super().partial(text)

    def result(self, text: str, details: dict[str, Any]) -> None:
        """The outcome for people."""
        self._close()
        super().result(text, details)

    def error(self, message: str, status: int) -> None:
        """Why the run ended."""
        self._close()
        super().error(message, status)

    def _close(self) -> None:
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False


class JsonReporter:
    """One JSON object a line on standard output; the first names version and package path."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._case: dict[str, str] = {}
        package = str(Path(__file__).resolve().parent.parent)
        self._send({"event": "start", "version": __version__, "package": package})

    def begin_case(self, name: str | None) -> None:
        """Every event of a table's case names it: {..., "case"}."""
        self._case = {} if name is None else {"case": name}

    def stage(self, stage: Stage) -> None:
        """{"event": "stage", "stage"}: reading, preparing, detecting or calibrating, building, writing."""
        self._send({"event": "stage", "stage": stage})

    def progress(self, progress: Progress) -> None:
        """{"event": "progress", "slices_done", "slices_total", "elapsed_s", "remaining_s"}.

        Where a run goes over the slices several times, "what" names the pass; the times are the whole run's. Where
        something else is counted than slices, "unit" names it.
        """
        self._send(
            {
                **({"what": progress.what} if progress.what else {}),
                **({"unit": progress.unit} if progress.unit != "slices" else {}),
                "event": "progress",
                "slices_done": round(progress.slices_done, 3),
                "slices_total": progress.slices_total,
                "elapsed_s": round(progress.elapsed_s, 2),
                "remaining_s": None if progress.remaining_s is None else round(progress.remaining_s, 2),
            }
        )

    def notice(self, message: str) -> None:
        """{"event": "notice", "message"}."""
        already_told(logging.WARNING, message)
        self._send({"event": "notice", "message": one_line(message)})

    def partial(self, text: str) -> None:
        """{"event": "partial", "text"}."""
        already_told(logging.INFO, text)
        self._send({"event": "partial", "text": text})

    def result(self, text: str, details: dict[str, Any]) -> None:
        """{"event": "result", "text", ...}."""
        already_told(logging.INFO, text)
        self._send({"event": "result", "text": text, **details})

    def error(self, message: str, status: int) -> None:
        """{"event": "error", "message", "exit_code"}; people watching standard error see it too."""
        self._send({"event": "error", "message": one_line(message), "exit_code": status})
        complain(message)

    def _send(self, record: dict[str, Any]) -> None:
        self._stream.write(json.dumps({**record, **self._case}) + "\n")
        self._stream.flush()


class LoggingReporter:
    """Logs what another reporter does not: cases, stages, and progress a few times a minute."""

    def __init__(self, reporter: Reporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._reporter = reporter
        self._pace = _Pace(clock)
        self._case = ""

    def begin_case(self, name: str | None) -> None:
        """The case of a table that follows."""
        self._case = "" if name is None else f"{one_line(name)}: "
        self._reporter.begin_case(name)

    def stage(self, stage: Stage) -> None:
        """What begins."""
        LOGGER.info("%s%s", self._case, stage)
        self._reporter.stage(stage)

    def progress(self, progress: Progress) -> None:
        """Slices done."""
        share = progress.slices_done / max(progress.slices_total, 1)
        what = f"{progress.what}: " if progress.what else ""
        if self._pace.is_due(f"{self._case}{what}", share):
            done, total = int(progress.slices_done), progress.slices_total
            LOGGER.debug("%s%s%d of %d %s", self._case, what, done, total, progress.unit)
        self._reporter.progress(progress)

    def notice(self, message: str) -> None:
        """A fallback or warning."""
        self._reporter.notice(message)

    def partial(self, text: str) -> None:
        """A part of the outcome."""
        self._reporter.partial(text)

    def result(self, text: str, details: dict[str, Any]) -> None:
        """The outcome."""
        self._reporter.result(text, details)

    def error(self, message: str, status: int) -> None:
        """Why the run ended."""
        self._reporter.error(message, status)


class StepTeller:
    """What is being done, where nothing is counted: on a terminal one line that changes, elsewhere a few a minute."""

    def __init__(
        self, *, quiet: bool = False, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._clock = clock
        self._last: float | None = None

    def tell(self, what: str) -> None:
        """In a few words."""
        LOGGER.debug("%s", what)
        if self._quiet:
            return
        now = self._clock()
        if self._stream.isatty():
            self._stream.write(f"\r{what}\x1b[K")
        elif self._last is None or now - self._last >= _Pace.SHORTEST_S:
            self._stream.write(what + "\n")
        else:
            return
        self._last = now
        self._stream.flush()

    def close(self) -> None:
        """Clear the line."""
        if self._last is not None and self._stream.isatty():
            self._stream.write("\r\x1b[K")
            self._stream.flush()


class _Pace:
    """When a line of progress is due: at a tenth, if the last line is `SHORTEST_S` old; at `LONGEST_S` in any case."""

    SHORTEST_S, LONGEST_S = 15.0, 60.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._what = ""
        self._tenth = 0

    def is_due(self, what: str, share: float) -> bool:
        """`share` of `what` is done. What is true counts as a line."""
        if what != self._what:
            self._what, self._tenth = what, 0
        age, tenth = self._clock() - self._last, int(share * 10)
        if age < self.SHORTEST_S or (tenth <= self._tenth and age < self.LONGEST_S):
            return False
        self._last, self._tenth = self._clock(), tenth
        return True


def make_reporter(kind: str) -> Reporter:
    """The reporter for --progress bar, json or none; it logs, too."""
    if kind == "json":
        return LoggingReporter(JsonReporter())
    return LoggingReporter(BarReporter() if kind == "bar" else SilentReporter())


def format_seconds(seconds: float) -> str:
    """`42 s`, `3 min 05 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
