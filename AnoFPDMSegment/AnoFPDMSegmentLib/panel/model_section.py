"""Model: which network, what it is, and the list of models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer.util
from slicer.i18n import tr as _

from anofpdm.app.model_catalog.catalog_model import OWN

from .services import PanelServices
from .state import PanelState
from .widgets import fillCombo, waiting


class ModelSection:
    """The selector of models with what can be done with them."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState) -> None:
        self._ui = ui
        self._catalog = services.catalog
        self._state = state
        self._models: list[Any] = []
        ui.modelSelector.connect("currentIndexChanged(int)", self._choose)
        ui.calibrationSelector.connect("currentIndexChanged(int)", self._chooseCalibration)
        ui.modelCardButton.connect("clicked()", self.showCard)
        ui.verifyModelButton.connect("clicked()", self._verify)
        ui.removeModelButton.connect("clicked()", self._remove)
        self._menu = qt.QMenu(ui.addModelButton)
        self._menu.addAction(_("From a folder...")).connect("triggered()", self._addFolder)
        self._menu.addAction(_("From a zip file...")).connect("triggered()", self._addZip)
        ui.addModelButton.setMenu(self._menu)
        state.modelChanged.connect(self._show)
        state.busyChanged.connect(self._enable)

    def reload(self, choose: str = "") -> None:
        """List the models again; choose that name, or the parameters', or the default, or the first sound one."""
        parameters = self._state.parameters
        if parameters is None:
            return
        with waiting():
            self._models = self._catalog.models()
        names = [model.name for model in self._models]
        sound = [model.name for model in self._models if not model.error]
        candidates = (choose, parameters.model, self._catalog.default_name(), *sound[:1])
        wanted = next((name for name in candidates if name in names), "")
        index = names.index(wanted) if wanted else -1
        fillCombo(self._ui.modelSelector, [model.title for model in self._models], index)
        self._choose(index)

    def showCard(self) -> None:
        """The model card in a window of its own."""
        model = self._state.model
        if model is None:
            return
        dialog = qt.QDialog(slicer.util.mainWindow())
        dialog.windowTitle = _("Model card of {model}").format(model=model.title)
        layout = qt.QVBoxLayout(dialog)
        text = qt.QTextBrowser()
        text.setMarkdown(model.card)
        text.openExternalLinks = True
        layout.addWidget(text)
        dialog.resize(640, 520)
        dialog.exec_()
        dialog.deleteLater()

    def licenceAccepted(self) -> bool:
        """Ask for a licence that must be acknowledged before the first run; False if the user declines."""
        model = self._state.model
        if model is None or not self._catalog.licences.needed(model):
            return True
        text = _(
            "The weights of {model} have a non-commercial licence ({licence}). Results made with them may not be "
            "used commercially.\n\nDo you agree to this licence?"
        )
        if not slicer.util.confirmYesNoDisplay(text.format(model=model.title, licence=model.config.licence)):
            return False
        self._catalog.licences.acknowledge(model)
        return True

    def _choose(self, index: int) -> None:
        model = self._models[index] if 0 <= index < len(self._models) else None
        parameters = self._state.parameters
        if model is not None and parameters is not None:
            parameters.model = model.name
            model = model.with_calibration(parameters.calibration)
        self._state.setModel(model)

    def _chooseCalibration(self, index: int) -> None:
        model = self._state.model
        if model is None or self._state.parameters is None:
            return
        chosen = model.with_calibration(list(model.calibrations)[index])
        self._state.parameters.calibration = chosen.calibration
        self._state.setModel(chosen)

    def _show(self) -> None:
        model = self._state.model
        self._ui.modelLineLabel.text = model.line if model is not None else _("No model was found: add one.")
        self._ui.modelSelector.toolTip = f"{model.title}\n{model.line}" if model is not None else ""
        names = list(model.calibrations) if model is not None else []
        texts = [_("The model's own") if name == OWN else name for name in names]
        fillCombo(self._ui.calibrationSelector, texts, names.index(model.calibration) if names else -1)
        self._enable()

    def _enable(self) -> None:
        model, free = self._state.model, not self._state.busy
        self._ui.modelSelector.enabled = free
        self._ui.calibrationSelector.enabled = free
        self._ui.addModelButton.enabled = free
        self._ui.modelCardButton.enabled = model is not None and bool(model.card)
        self._ui.verifyModelButton.enabled = model is not None and free
        self._ui.removeModelButton.enabled = model is not None and model.removable and free

    def _addFolder(self) -> None:
        self._add(qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Folder of the model")))

    def _addZip(self) -> None:
        title, pattern = _("Zip file of the model"), _("Zip files (*.zip)")
        self._add(qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", pattern))

    def _add(self, path: str) -> None:
        if not path:
            return
        with waiting():
            model = self._catalog.add(Path(path))
            self.reload(model.name)

    def _verify(self) -> None:
        model, line = self._state.model, self._ui.modelLineLabel
        # What stands if the check fails, in place of what an earlier one said.
        line.text = _("{model} did not pass the check of its files: do not use it.").format(model=model.title)
        with waiting():
            line.text = self._catalog.verify(model)

    def _remove(self) -> None:
        model = self._state.model
        text = _("Delete the model {model} from your models, with its calibration?").format(model=model.title)
        if slicer.util.confirmYesNoDisplay(text):
            with waiting():
                self._catalog.remove(model)
            self.reload()
