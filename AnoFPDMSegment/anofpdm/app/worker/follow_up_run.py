"""One comparison of two finished results, in a temporary folder that never outlives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .command import WorkerCommand
from .events import Event, Finished
from .worker_run import WorkerRun

EvidenceWriter = Callable[[Path], object]
"""Writes the evidence of one date to the path it is given; what it raises ends the start."""


class FollowUpRun(WorkerRun):
    """Start it, poll it until it is over, fetch the document if it has finished, close it in any case."""

    def __init__(self, command: WorkerCommand, folder: Path | None = None) -> None:
        """See WorkerRun."""
        super().__init__(command, folder)
        self._finished: Finished | None = None

    def start(self, baseline: EvidenceWriter, later: EvidenceWriter) -> None:
        """Write both dates and start the worker. Raises what the writers raise, and OSError."""
        from ...results.case_storage import EVIDENCE_FILE

        folder = self._make_folder()
        try:
            for name, write in (("baseline", baseline), ("later", later)):
                (folder / name).mkdir()
                write(folder / name / EVIDENCE_FILE)
        except BaseException:
            self.close()
            raise
        self._run(self._command.follow(folder / "baseline", folder / "later", folder / "follow-up"))

    def poll(self) -> list[Event]:
        """What happened since the last call; never blocks."""
        events = super().poll()
        self._finished = next((event for event in events if isinstance(event, Finished)), self._finished)
        return events

    def document(self) -> dict[str, Any]:
        """`follow-up.json` of a finished run. Raises EvidenceError if it is damaged."""
        if self._finished is None:
            raise RuntimeError("The run has not finished.")
        from ...followup.document import read_follow_up
        from ...followup.files import FOLLOW_UP_FILE

        return read_follow_up(Path(self._finished.output) / FOLLOW_UP_FILE)
