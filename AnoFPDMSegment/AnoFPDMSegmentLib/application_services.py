"""The panel's collaborators inside the application."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anofpdm.app.worker.command import WorkerCommand

    from .panel.services import PanelServices
    from .parameters import AnoFPDMParameters


def makeServices(parameters: Callable[[], AnoFPDMParameters]) -> PanelServices:
    """Everything made from the running Slicer."""
    import slicer

    from anofpdm.app.model_catalog.catalog import ModelCatalog
    from anofpdm.app.user_file import user_file
    from anofpdm.app.worker.speed_record import SpeedRecord

    from .install.slicer_installer import SlicerInstaller
    from .install.torch_setup import TorchSetup
    from .mrml.scene_context import SceneContext
    from .panel.application import ApplicationActions
    from .panel.services import PanelServices

    command = workerCommand()
    return PanelServices(
        context=SceneContext.ofApplication(),
        parameters=parameters,
        command=command,
        catalog=ModelCatalog(),
        torchSetup=TorchSetup(command, SlicerInstaller(), idle=slicer.app.processEvents),
        speeds=SpeedRecord(user_file("speed.json")),
        application=ApplicationActions(),
    )


def workerCommand() -> WorkerCommand:
    """Calls the engine beside this package with the interpreter that has Slicer's packages."""
    from anofpdm.app.worker.command import WorkerCommand

    # Inside Slicer the running program is the application; its interpreter is on the path.
    python = shutil.which("PythonSlicer") or sys.executable
    return WorkerCommand(python, Path(__file__).resolve().parents[1])
