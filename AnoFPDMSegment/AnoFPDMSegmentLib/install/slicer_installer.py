"""Installing into Slicer's Python: PyTorch as the PyTorch extension does it, the rest with pip.

The extension's `installTorch` (SlicerPyTorch, PyTorchUtils/PyTorchUtils.py, as of 2026) gets light-the-torch with pip
if it is not there, then runs `python -m light_the_torch` with the arguments of its `_getPipInstallArguments`, while the
window stands still, and ends in `import torch` inside Slicer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .installation import Step

LIGHT_THE_TORCH = "light-the-torch>=0.5"
"""As the extension asks for it."""


class SlicerInstaller:
    """Only used inside Slicer."""

    def torchSteps(self, requirement: str) -> list[Step] | None:
        """What the extension would run; None where this version of it does not tell.

        Raises ModuleNotFoundError without the extension.
        """
        import PyTorchUtils

        try:
            arguments = list(PyTorchUtils.PyTorchUtilsLogic._getPipInstallArguments(None, requirement))
        except (AttributeError, TypeError):
            return None
        if arguments[:1] != ["install"] or f"torch{requirement}" not in arguments:
            return None
        return [
            Step("Preparing to install PyTorch...", ("-m", "pip", "install", LIGHT_THE_TORCH)),
            Step("Looking for the PyTorch that fits this computer...", ("-m", "light_the_torch", *arguments)),
        ]

    def installTorch(self, requirement: str) -> None:
        """Install PyTorch with the extension, without a question of its own. Slicer stands still meanwhile."""
        import PyTorchUtils

        with _nothingFromTheCurrentFolder():
            PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=False, torchVersionRequirement=requirement)

    def uninstallTorch(self) -> None:
        """Remove PyTorch with the extension; Slicer stands still meanwhile."""
        import PyTorchUtils

        with _nothingFromTheCurrentFolder():
            PyTorchUtils.PyTorchUtilsLogic().uninstallTorch()

    def pipInstall(self, *arguments: str) -> None:
        """`pip install` with these arguments; Slicer stands still meanwhile."""
        import slicer.util

        with _nothingFromTheCurrentFolder():
            slicer.util.pip_install(list(arguments))


@contextmanager
def _nothingFromTheCurrentFolder() -> Iterator[None]:
    """For the processes that Slicer starts: `python -m pip` would import from the folder Slicer was started in."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before
