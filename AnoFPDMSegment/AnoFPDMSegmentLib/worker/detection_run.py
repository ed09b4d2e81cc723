"""One detection from written inputs to a loaded result, in a temporary folder that never outlives it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .command import WorkerCommand
from .events import Event, Finished
from .log import BoundedLog
from .process import WorkerProcess
from .run_options import RunOptions

if TYPE_CHECKING:
    from anofpdm.detection import Detection

VolumeWriter = Callable[[Path], object]
"""Writes one input as an NRRD file to the path it is given; what it raises ends the start."""


class DetectionRun:
    """Start it, poll it until it is over, fetch the detection if it has finished, close it in any case."""

    def __init__(self, command: WorkerCommand, folder: Path | None = None) -> None:
        """`folder` is where the temporary folder is made; None: where the system has them."""
        self.log = BoundedLog()
        self._command = command
        self._parent = folder
        self._folder: Path | None = None
        self._process: WorkerProcess | None = None
        self._finished: Finished | None = None

    @property
    def running(self) -> bool:
        """From `start` until the last event was handed out."""
        return self._process is not None and self._process.running

    @property
    def cancelling(self) -> bool:
        """Whether it was asked to end and has not yet."""
        return self._process is not None and self._process.cancelling

    def start(self, inputs: Mapping[str, VolumeWriter], options: RunOptions) -> None:
        """Write the inputs, by modality, and start the worker. Raises what the writers raise, and OSError."""
        if self._process is not None:
            raise RuntimeError("A run is started once.")
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="AnoFPDM-", dir=self._parent))
            files = {modality: self._folder / f"{modality}.nrrd" for modality in inputs}
            for modality, write in inputs.items():
                write(files[modality])
        except BaseException:
            self.close()
            raise
        call = self._command.detect(files, self._folder / "result", options)
        self._process = WorkerProcess(call, self._command.environment(), self.log)
        self._process.start()

    def poll(self) -> list[Event]:
        """What happened since the last call; never blocks."""
        events = self._process.poll() if self._process is not None else []
        self._finished = next((event for event in events if isinstance(event, Finished)), self._finished)
        return events

    def cancel(self) -> None:
        """Ask the worker to end; `poll` sees to it."""
        if self._process is not None:
            self._process.cancel()

    def detection(self) -> Detection:
        """The detection of a finished run, built from its evidence. Raises EvidenceError if that is damaged."""
        if self._finished is None:
            raise RuntimeError("The run has not finished.")
        from anofpdm.detection import build_detection
        from anofpdm.evidence.storage import EVIDENCE_FILE, load_evidence

        return build_detection(load_evidence(Path(self._finished.output) / EVIDENCE_FILE))

    def close(self) -> None:
        """End the worker if it runs, and remove everything that was written."""
        if self._process is not None:
            self._process.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
