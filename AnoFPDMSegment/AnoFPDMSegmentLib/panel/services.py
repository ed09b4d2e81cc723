"""What the panel works with; the module's logic makes it, tests make their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from anofpdm.app.model_catalog.catalog import ModelCatalog
    from anofpdm.app.worker.command import WorkerCommand
    from anofpdm.app.worker.speed_record import SpeedRecord

    from ..install.torch_setup import TorchSetup
    from ..mrml.scene_context import SceneContext
    from ..parameters import AnoFPDMParameters


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
