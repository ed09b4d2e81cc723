"""What the panel works with; the module's logic makes it, tests make their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..install.torch_setup import TorchSetup
    from ..model_catalog.catalog import ModelCatalog
    from ..mrml.scene_context import SceneContext
    from ..parameters import AnoFPDMParameters
    from ..worker.command import WorkerCommand
    from ..worker.speed_record import SpeedRecord


class Application(Protocol):
    """The parts of Slicer that the panel hands a result to."""

    def openSegmentEditor(self, segmentationNode: Any, volumeNode: Any) -> None:
        """Edit a segmentation over a volume."""

    def exportDicom(self, segmentationNode: Any) -> str:
        """Open Slicer's DICOM export with a segmentation selected, or say in a sentence what is missing for that."""


@dataclass(frozen=True)
class PanelServices:
    """The panel's collaborators."""

    context: SceneContext
    parameters: Callable[[], AnoFPDMParameters]
    """The parameters in the present scene; made there if need be."""
    command: WorkerCommand
    catalog: ModelCatalog
    torchSetup: TorchSetup
    speeds: SpeedRecord
    application: Application
