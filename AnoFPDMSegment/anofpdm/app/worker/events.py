"""What a worker tells, line by line, on its standard output (`--progress json` of the command line)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Started:
    """The first event: which program runs."""

    version: str
    package: str
    """The folder of the package `anofpdm` that runs."""


@dataclass(frozen=True)
class Stage:
    """A part of the run begins: reading, preparing, detecting, building, writing; calibrating."""

    name: str


@dataclass(frozen=True)
class Progress:
    """How far the part under way is."""

    slices_done: float
    slices: int
    elapsed_s: float
    seconds_left: float | None
    """None until a rate is known."""
    what: str = ""
    """What the slices are counted of, where a run counts them several times."""


@dataclass(frozen=True)
class Download:
    """How far a download is; an installation tells of it, a worker never does."""

    sentence: str
    bytes_done: int
    bytes: int
    """0 where the size is unknown."""


@dataclass(frozen=True)
class Notice:
    """A fallback or warning, one sentence."""

    sentence: str


@dataclass(frozen=True)
class Finished:
    """The run has succeeded and its result is written."""

    output: str
    """The folder of the result."""
    text: str
    """The outcome for people, several lines."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """The run has ended without a result."""

    sentence: str
    exit_code: int | None
    """None where the process was ended before it had one."""


@dataclass(frozen=True)
class Cancelled:
    """The run has ended because it was asked to; nothing was written."""


Event = Started | Stage | Progress | Download | Notice | Finished | Failed | Cancelled


_KINDS: dict[Any, tuple[type[Any], dict[str, str]]] = {
    "start": (Started, {"version": "version", "package": "package"}),
    "stage": (Stage, {"stage": "name"}),
    "progress": (
        Progress,
        {
            "slices_done": "slices_done",
            "slices_total": "slices",
            "elapsed_s": "elapsed_s",
            "remaining_s": "seconds_left",
            "what": "what",
        },
    ),
    "notice": (Notice, {"message": "sentence"}),
    "result": (Finished, {"output": "output", "text": "text", "warnings": "warnings"}),
    "error": (Failed, {"message": "sentence", "exit_code": "exit_code"}),
}
"""Events by their name in a line, and how their entries are called here; a line may say more."""


def parse_line(text: str) -> Event | None:
    """The event of one line; None for a line that is none, such as what a library prints."""
    if not text.startswith("{"):
        return None
    from ...core.json_text import parse_json

    try:
        return _event(parse_json(text))
    except (ValueError, KeyError, TypeError):
        return None


def _event(record: dict[str, Any]) -> Event | None:
    from anofpdm.core.records import fitted

    kind, names = _KINDS.get(record["event"], (None, {}))
    if kind is None:
        return None
    values = {field: record[name] for name, field in names.items() if name in record}
    event: Event = fitted(kind, values)
    return event
