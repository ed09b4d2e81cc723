"""Export: the files of the shown result, and handing it to other modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer.util
from slicer.i18n import tr as _

from ..mrml.dicom_series import describeSeries
from ..mrml.export import exportResult, fileNames, requireOutline
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
    """Writes what is checked into a folder that the user is asked for."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState, display: ResultDisplay) -> None:
        self._ui = ui
        self._display = display
        self._services = services
        self._state = state
        self._checks = {getattr(ui, name): what for name, what in _CHOICES.items()}
        for check in self._checks:
            check.connect("toggled(bool)", self._enable)
        self._folder = str(Path.home())
        """Where the user is asked next: the last answer."""
        ui.exportButton.connect("clicked()", self._ask)
        ui.editButton.connect("clicked()", self._edit)
        ui.dicomButton.connect("clicked()", self._exportDicom)
        state.resultChanged.connect(self._show)
        state.resultUpdated.connect(self._enable)

    def _show(self) -> None:
        self._ui.exportGroup.visible = self._state.result is not None
        self._say("")
        self._enable()

    def _enable(self) -> None:
        result = self._state.result
        segmentation = result.segmentationNode if result is not None else None
        self._ui.exportPatient.enabled = result is not None and self._place() != Place()
        self._ui.exportButton.enabled = result is not None and any(check.checked for check in self._checks)
        for button in (self._ui.editButton, self._ui.dicomButton):
            button.enabled = segmentation is not None

    def _ask(self) -> None:
        self._say("")
        title = _("Folder for the files of the result")
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title, self._folder)
        if folder:
            self._folder = folder
            self.write(Path(folder))

    def write(self, folder: Path) -> None:
        """Write what is checked, unless the user keeps older files."""
        wanted = {what for check, what in self._checks.items() if check.checked}
        older = [name for name in fileNames(self._state.result, wanted) if (folder / name).exists()]
        text = _("These files are in the folder already and will be replaced: {files}. Go on?")
        if older and not slicer.util.confirmYesNoDisplay(text.format(files=", ".join(older))):
            return
        with waiting():
            place = self._place() if self._ui.exportPatient.checked and self._ui.exportPatient.enabled else None
            files = exportResult(self._state.result, folder, wanted, self._modelCard(), place)
            self._say(_("{count} files written to {folder}").format(count=len(files), folder=folder))
            self._ui.exportStatusLabel.toolTip = "\n".join(path.name for path in files)

    def _say(self, text: str) -> None:
        self._ui.exportStatusLabel.text = text
        self._ui.exportStatusLabel.toolTip = ""
        self._ui.exportStatusLabel.visible = bool(text)

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
            requireOutline(result)
            missing = self._services.application.exportDicom(result.segmentationNode)
            if missing:
                slicer.util.infoDisplay(missing)
