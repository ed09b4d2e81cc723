"""One calibration: its cache of slices lies in the run's own folder."""

from __future__ import annotations

from pathlib import Path

from .worker_run import WorkerRun


class CalibrationRun(WorkerRun):
    """See WorkerRun; the calibration itself goes to the user's calibrations."""

    def start(self, model: str, manifest: Path, name: str, *, split: str = "val", device: str = "auto") -> None:
        """Start the worker. Raises SettingsError for a name that cannot be one, and OSError."""
        call = self._command.calibrate(model, manifest, name, split=split, device=device)
        self._make_folder()
        self._run(call)
