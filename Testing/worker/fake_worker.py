"""Workers of a few lines in place of the engine, and waiting for real ones with generous limits."""

from __future__ import annotations

import itertools
import os
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phantom_sample import phantom_samples

from anofpdm.app.worker.events import Event
from anofpdm.app.worker.identity import EngineIdentity
from anofpdm.app.worker.log import BoundedLog
from anofpdm.app.worker.process import WorkerProcess

MODULE = Path(__file__).resolve().parents[2] / "AnoFPDMSegment"
SAMPLE = phantom_samples() / "phantom_lesion.nii.gz"
LOOK_S = 0.01
PATIENCE_S = 120.0
"""Guards against a hang alone: a machine under load may take many times as long as an idle one."""
ENGINE = EngineIdentity.of_this_process()

_PRELUDE = f"""
import json, os, signal, subprocess, sys, time
def say(event, **values):
    print(json.dumps(dict(event=event, **values)), flush=True)
def start(version={ENGINE.version!r}, package={str(ENGINE.package)!r}):
    say("start", version=version, package=package)
def progress(done, total=10):
    say("progress", slices_done=done, slices_total=total, elapsed_s=1.0, remaining_s=None)
def result():
    say("result", output="/out", text="Two lines.\\nWritten.", warnings=["w"])
"""


def fake_worker(code: str, log: BoundedLog | None = None, **options: Any) -> WorkerProcess:
    """A process that runs `code`, which has start(), progress(), result() and say() at hand."""
    call = [sys.executable, "-c", _PRELUDE + textwrap.dedent(code)]
    process = WorkerProcess(call, os.environ, Path.cwd(), log or BoundedLog(), engine=ENGINE, **options)
    process.start()
    return process


def events_of(worker: Any, patience_s: float = PATIENCE_S) -> list[Event]:
    """Poll until it is over."""
    events: list[Event] = []
    wait_until(lambda: events.extend(worker.poll()) or not worker.running, patience_s)
    return events


def wait_for(worker: Any, kind: type[Event]) -> Event:
    """Poll until an event of this kind comes."""
    found: list[Event] = []

    def seen() -> bool:
        found.extend(event for event in worker.poll() if isinstance(event, kind))
        assert found or worker.running, f"over without {kind.__name__}"
        return bool(found)

    wait_until(seen)
    return found[0]


def wait_until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Raises AssertionError when patience ends: so many looks, whatever else the machine does between them."""
    looks = itertools.count()
    while not condition():
        assert next(looks) * LOOK_S < patience_s, "waited in vain"
        time.sleep(LOOK_S)


def is_running(pid: int) -> bool:
    """Whether a process computes still; one that only waits to be buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    if not status.exists():
        return True
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
