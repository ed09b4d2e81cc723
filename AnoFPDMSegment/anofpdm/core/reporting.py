"""What a running command tells: a progress bar for people, JSON lines for programs, or nothing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Protocol, TextIO

from .. import __version__
from .plain_text import STEERING, printable
from .progress import Progress, Stage

_NOT_OF_ONE_LINE = re.compile(f"[{STEERING}\t\n]+")


def one_line(text: str) -> str:
    """`text` without line breaks and what else would steer a terminal, which names of files may hold."""
    return _NOT_OF_ONE_LINE.sub(" ", text).strip()


def say(text: str) -> None:
    """The outcome, or a part of it, on standard output."""
    print(printable(text), flush=True)


def complain(message: str) -> None:
    """One line for people on standard error."""
    print(f"anofpdm: {one_line(message)}", file=sys.stderr, flush=True)


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
    """A line that fills on a terminal; elsewhere one line every tenth."""

    WIDTH = 28

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stderr
        self._open = False
        self._tenth = 0
        self._what = ""

    def begin_case(self, name: str | None) -> None:
        """The case of a table that follows; None after the last one."""
        self._close()
        self._tenth = 0
        super().begin_case(name)

    def progress(self, progress: Progress) -> None:
        """Slices done and time left."""
        if progress.what != self._what:
            self._what, self._tenth = progress.what, 0
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
        elif int(share * 10) > self._tenth:
            self._tenth = int(share * 10)
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
        self._send({"event": "notice", "message": one_line(message)})

    def partial(self, text: str) -> None:
        """{"event": "partial", "text"}."""
        self._send({"event": "partial", "text": text})

    def result(self, text: str, details: dict[str, Any]) -> None:
        """{"event": "result", "text", ...}."""
        self._send({"event": "result", "text": text, **details})

    def error(self, message: str, status: int) -> None:
        """{"event": "error", "message", "exit_code"}; people watching standard error see it too."""
        self._send({"event": "error", "message": one_line(message), "exit_code": status})
        complain(message)

    def _send(self, record: dict[str, Any]) -> None:
        self._stream.write(json.dumps({**record, **self._case}) + "\n")
        self._stream.flush()


def make_reporter(kind: str) -> Reporter:
    """The reporter for --progress bar, json or none."""
    if kind == "json":
        return JsonReporter()
    return BarReporter() if kind == "bar" else SilentReporter()


def format_seconds(seconds: float) -> str:
    """`42 s`, `3 min 05 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
