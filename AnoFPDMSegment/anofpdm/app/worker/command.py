"""The command lines of workers, and the environment they run in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .checked_names import checked_modality, checked_model, checked_name
from .child_environment import child_environment
from .run_options import RunOptions


class WorkerCommand:
    """Calls the engine beside this package in a Python process of its own."""

    def __init__(self, python: str | Path, package_dir: str | Path) -> None:
        """`python` is the interpreter, `package_dir` the folder that holds the package `anofpdm`."""
        self._python = str(python)
        self._package_dir = Path(package_dir).resolve()

    @property
    def python(self) -> str:
        """The interpreter."""
        return self._python

    @property
    def package_dir(self) -> Path:
        """The folder that holds the package `anofpdm`."""
        return self._package_dir

    def detect(self, inputs: Mapping[str, Path], output: Path, options: RunOptions) -> list[str]:
        """Detect in one patient; `inputs` are files by modality. Raises SettingsError for names that cannot be one."""
        named = [f"--input={checked_modality(modality)}={path}" for modality, path in inputs.items()]
        return [*self._worker("detect"), *named, f"--output={output}", *options.to_arguments()]

    def follow(self, baseline: Path, later: Path, output: Path) -> list[str]:
        """Compare two results, each a folder with its evidence."""
        return [*self._worker("follow"), f"--output={output}", "--no-overlay", "--", str(baseline), str(later)]

    def calibrate(
        self, model: str, manifest: Path, name: str, *, split: str = "val", device: str = "auto"
    ) -> list[str]:
        """Calibrate a model on the slices of a manifest; kept as the user's calibration `name`, which is replaced.

        Raises as `detect`.
        """
        options = [f"--name={checked_name(name, 'calibration')}", "--replace", f"--split={split}", f"--device={device}"]
        data = [f"--model={checked_model(model)}", f"--manifest={manifest.absolute()}"]
        return [*self._worker("calibrate"), *data, *options]

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables of `base` (default: this process's) with the engine first on Python's path."""
        return child_environment(base, self._package_dir)

    def _worker(self, command: str) -> list[str]:
        return [self._python, "-m", "anofpdm", command, "--progress=json", "--watch-stdin"]
