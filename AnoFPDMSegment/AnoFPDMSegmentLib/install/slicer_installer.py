"""Installing into Slicer's Python: PyTorch through the PyTorch extension, the rest with Slicer's pip."""

from __future__ import annotations


class SlicerInstaller:
    """Only used inside Slicer."""

    def installTorch(self, requirement: str) -> bool:
        """Install PyTorch after asking; False if the user declined. ModuleNotFoundError without the extension."""
        import PyTorchUtils

        logic = PyTorchUtils.PyTorchUtilsLogic()
        return logic.installTorch(askConfirmation=True, torchVersionRequirement=requirement) is not None

    def uninstallTorch(self) -> None:
        """Remove PyTorch. ModuleNotFoundError without the extension."""
        import PyTorchUtils

        PyTorchUtils.PyTorchUtilsLogic().uninstallTorch()

    def pipInstall(self, arguments: str) -> None:
        """`pip install` with these arguments."""
        import slicer.util

        slicer.util.pip_install(arguments)
