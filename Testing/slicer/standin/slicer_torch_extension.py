"""PyTorchUtils/PyTorchUtils.py of the extension PyTorch: remembers calls, does what the test tells it to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


class PyTorchUtilsLogic:
    """`onInstall` returns the module torch, or raises."""

    calls: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    onInstall: Callable[[], Any] = staticmethod(lambda: None)  # noqa: N815
    onUninstall: Callable[[], Any] = staticmethod(lambda: None)  # noqa: N815

    @staticmethod
    def _getPipInstallArguments(  # noqa: N802
        forceComputationBackend: str | None = None,  # noqa: N803
        torchVersionRequirement: str | None = None,  # noqa: N803
        torchvisionVersionRequirement: str | None = None,  # noqa: N803
    ) -> list[str]:
        backend = [f"--pytorch-computation-backend={forceComputationBackend}"] if forceComputationBackend else []
        torchvision = f"torchvision{torchvisionVersionRequirement or ''}"
        return ["install", f"torch{torchVersionRequirement or ''}", torchvision, *backend]

    def installTorch(  # noqa: N802
        self,
        askConfirmation: bool = False,  # noqa: N803
        forceComputationBackend: str | None = None,  # noqa: N803
        torchVersionRequirement: str | None = None,  # noqa: N803
    ) -> Any:
        given = {"askConfirmation": askConfirmation, "torchVersionRequirement": torchVersionRequirement}
        if forceComputationBackend is not None:
            given["forceComputationBackend"] = forceComputationBackend
        PyTorchUtilsLogic.calls.append(("installTorch", given))
        return PyTorchUtilsLogic.onInstall()

    def uninstallTorch(self, askConfirmation: bool = False, forceComputationBackend: str | None = None) -> None:  # noqa: N802, N803
        PyTorchUtilsLogic.calls.append(("uninstallTorch", {}))
        PyTorchUtilsLogic.onUninstall()
