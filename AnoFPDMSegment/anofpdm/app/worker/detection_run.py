"""One detection from written inputs to a loaded result, in a temporary folder that never outlives it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .checked_names import checked_modality
from .command import WorkerCommand
from .events import Event, Finished
from .run_options import RunOptions
from .worker_run import WorkerRun

if TYPE_CHECKING:
    from ...results.detection import Detection

VolumeWriter = Callable[[Path], object]
"""Writes one input as an NRRD file to the path it is given; what it raises ends the start."""


class DetectionRun(WorkerRun):
    """Start it, poll it until it is over, fetch the detection if it has finished, close it in any case."""

    def __init__(self, command: WorkerCommand, folder: Path | None = None) -> None:
        """See WorkerRun."""
        super().__init__(command, folder)
        self._finished: Finished | None = None

    def start(self, inputs: Mapping[str, VolumeWriter], options: RunOptions) -> None:
        """Write the inputs, by modality, and start the worker.

        Raises what the writers raise, SettingsError for names that cannot be one, and OSError.
        """
        folder = self._make_folder()
        try:
            files = {modality: folder / f"{checked_modality(modality)}.nrrd" for modality in inputs}
            call = self._command.detect(files, folder / "result", options)
            for modality, write in inputs.items():
                write(files[modality])
        except BaseException:
            self.close()
            raise
        self._run(call)

    def poll(self) -> list[Event]:
        """What happened since the last call; never blocks."""
        events = super().poll()
        self._finished = next((event for event in events if isinstance(event, Finished)), self._finished)
        return events

    def detection(self, names: Mapping[str, str] | None = None) -> Detection:
        """The detection of a finished run, built from its evidence. Raises EvidenceError if that is damaged.

        names: what the user calls the inputs, by modality, in place of the temporary files' names.
        """
        if self._finished is None:
            raise RuntimeError("The run has not finished.")
        from ...results.case_storage import EVIDENCE_FILE, load_evidence
        from ...results.detection import build_detection

        case = load_evidence(Path(self._finished.output) / EVIDENCE_FILE)
        files = tuple((modality, _file_name((names or {}).get(modality, file))) for modality, file in case.run.files)
        return build_detection(dataclasses.replace(case, run=dataclasses.replace(case.run, files=files)))


def _file_name(name: str) -> str:
    """As findings keep it: of a path they take the last part alone."""
    return re.sub(r"[/\\]", "_", name)
