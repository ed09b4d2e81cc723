"""Export: the files of the shown result, and handing it to other modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer.util
from slicer.i18n import tr as _

from ..mrml.dicom_series import describeSeries
from ..mrml.export import exportResult, fileNames
from ..mrml.result_display import ResultDisplay
from ..mrml.subject_hierarchy import Place
from .result_names import placeOfResult
from .services import PanelServices
from .state import PanelState
from .widgets import waiting

_CHOICES = {
    "exportSegmentation": "segmentation",
    "exportLabelmap": "labelmap",
    "exportSurface": "surface",
    "exportHeatmap": "heatmap",
    "exportTable": "csv",
    "exportDocument": "json",
    "exportReport": "report",
}


class ExportSection:
    """Writes what is checked into a folder."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState, display: ResultDisplay) -> None:
        self._ui = ui
        self._display = display
        self._services = services
        self._state = state
        self._checks = {getattr(ui, name): what for name, what in _CHOICES.items()}
        for check in self._checks:
            check.connect("toggled(bool)", self._enable)
        ui.exportDirectory.directory = str(Path.home())
        ui.exportButton.connect("clicked()", self._export)
        ui.editButton.connect("clicked()", self._edit)
        ui.dicomButton.connect("clicked()", self._exportDicom)
        state.resultChanged.connect(self._show)
        state.resultUpdated.connect(self._enable)

    def _show(self) -> None:
        self._ui.exportSection.visible = self._state.result is not None
        self._ui.exportStatusLabel.text = ""
        self._enable()

    def _enable(self) -> None:
        result = self._state.result
        segmentation = result.segmentationNode if result is not None else None
        self._ui.exportPatient.enabled = result is not None and self._place() != Place()
        self._ui.exportButton.enabled = result is not None and any(check.checked for check in self._checks)
        for button in (self._ui.editButton, self._ui.dicomButton):
            button.enabled = segmentation is not None

    def _export(self) -> None:
        folder = Path(self._ui.exportDirectory.directory)
        wanted = {what for check, what in self._checks.items() if check.checked}
        self._ui.exportStatusLabel.text = ""
        older = [name for name in fileNames(self._state.result, wanted) if (folder / name).exists()]
        text = _("These files are in the folder already and will be replaced: {files}. Go on?")
        if older and not slicer.util.confirmYesNoDisplay(text.format(files=", ".join(older))):
            return
        with waiting():
            place = self._place() if self._ui.exportPatient.checked and self._ui.exportPatient.enabled else None
            files = exportResult(self._state.result, folder, wanted, self._modelCard(), place)
            text = _("Written to {folder}: {files}")
            self._ui.exportStatusLabel.text = text.format(folder=folder, files=", ".join(path.name for path in files))

    def _place(self) -> Place:
        return placeOfResult(self._services.context, self._state.result)

    def _modelCard(self) -> str:
        """Of the model that made the result, if it is still among the models."""
        weights = self._state.result.case.model.weights_sha256
        models = self._services.catalog.models()
        return next((model.card for model in models if model.weights_sha256 == weights), "")

    def _edit(self) -> None:
        with waiting():
            result = self._state.result
            self._display.comeIntoView()
            self._services.application.openSegmentEditor(result.segmentationNode, result.inputNode)

    def _exportDicom(self) -> None:
        result = self._state.result
        # Slicer's dialog has a cursor of its own.
        with waiting(cursor=False):
            described = [result.heatmapNode, result.segmentationNode, result.healthyPredictionNode]
            describeSeries(self._services.context, result.inputNode, [node for node in described if node is not None])
            missing = self._services.application.exportDicom(result.segmentationNode)
            if missing:
                slicer.util.infoDisplay(missing)
