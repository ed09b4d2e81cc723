"""The command lines of workers, and the environment they run in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

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
        """Detect in one patient; `inputs` are files by modality."""
        named = [f"{modality}={path}" for modality, path in inputs.items()]
        return [*self._worker("detect"), *named, f"--output={output}", *options.to_arguments()]

    def calibrate(
        self, model: str, manifest: Path, name: str, *, split: str = "val", device: str = "auto"
    ) -> list[str]:
        """Calibrate a model on the slices of a manifest; kept as the user's calibration `name`, which is replaced."""
        options = [f"--name={name}", "--replace", f"--split={split}", f"--device={device}"]
        return [*self._worker("calibrate"), model, str(manifest), *options]

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables of `base` (default: this process's) with the engine first on Python's path."""
        variables = dict(os.environ if base is None else base)
        others = variables.get("PYTHONPATH")
        variables["PYTHONPATH"] = os.pathsep.join([str(self._package_dir), *([others] if others else [])])
        variables["PYTHONUNBUFFERED"] = "1"
        variables["PYTHONIOENCODING"] = "utf-8:backslashreplace"
        return variables

    def _worker(self, command: str) -> list[str]:
        return [self._python, "-m", "anofpdm", command, "--progress=json", "--watch-stdin"]
