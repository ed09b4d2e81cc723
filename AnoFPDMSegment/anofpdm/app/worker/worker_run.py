"""A worker with a folder of its own for everything it writes, which never outlives it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .command import WorkerCommand
from .events import Event
from .log import BoundedLog
from .process import WorkerProcess
from .run_folder import RunFolder


class WorkerRun:
    """Subclasses start it; poll it until it is over, and close it in any case."""

    def __init__(self, command: WorkerCommand, folder: Path | None = None) -> None:
        """`folder` is where the user's folder of runs is made; None: where the system has temporary files."""
        self.log = BoundedLog()
        self._command = command
        self._parent = folder
        self._folder: RunFolder | None = None
        self._process: WorkerProcess | None = None

    @property
    def running(self) -> bool:
        """From its start until the last event was handed out."""
        return self._process is not None and self._process.running

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to end and has not yet."""
        return self._process is not None and self._process.cancelling

    def poll(self) -> list[Event]:
        """What happened since the last call; never blocks."""
        return self._process.poll() if self._process is not None else []

    def cancel(self) -> None:
        """Ask the worker to end; `poll` sees to it."""
        if self._process is not None:
            self._process.cancel()

    def close(self) -> None:
        """End the worker if it runs, and remove everything that was written."""
        if self._process is not None:
            self._process.close()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def _make_folder(self) -> Path:
        """Raises OSError."""
        if self._process is not None or self._folder is not None:
            raise RuntimeError("A run is started once.")
        self._folder = RunFolder(self._parent)
        return self._folder.path

    def _run(self, call: Sequence[str]) -> None:
        assert self._folder is not None
        environment = {**self._command.environment(), **self._folder.environment}
        self._process = WorkerProcess(call, environment, self._folder.empty, self.log)
        self._process.start()
