"""Calibrating the chosen model on the user's own slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from anofpdm.app.engine_words import without_dashes
from anofpdm.app.worker.calibration_run import CalibrationRun
from anofpdm.app.worker.events import Cancelled, Event, Failed, Finished

from .calibrate_dialog import CalibrateDialog, CalibrationRequest
from .model_section import ModelSection
from .run_controller import RunController
from .run_section import RunSection
from .services import PanelServices
from .state import PanelState
from .torch_action import TorchAction
from .widgets import waiting

if TYPE_CHECKING:
    from anofpdm.app.model_catalog.catalog_model import CatalogModel


class CalibrateAction:
    """Asks for the table of slices, then runs `anofpdm calibrate` in the worker."""

    def __init__(
        self,
        services: PanelServices,
        state: PanelState,
        controller: RunController,
        model: ModelSection,
        torch: TorchAction,
    ) -> None:
        self._services = services
        self._state = state
        self._controller = controller
        self._model = model
        self._torch = torch
        self._view: RunSection | None = None
        self._name = ""
        self._run: CalibrationRun | None = None

    def shownBy(self, view: RunSection) -> None:
        """Where progress is shown."""
        self._view = view

    def start(self) -> None:
        """Ask what to calibrate on, then begin."""
        model = self._state.model
        if model is None or model.error or self._state.busy or self._state.parameters is None:
            return
        request = CalibrateDialog(model, self._problemOfName).ask()
        if request is None or not self._model.licenceAccepted():
            return
        self._state.setBusy(True)
        self._torch.ready(lambda: self._computable(model, request), otherwise=self._free)

    def _computable(self, model: CatalogModel, request: CalibrationRequest) -> None:
        # While PyTorch was looked at, or installed, the scene may have been closed.
        if self._state.parameters is None or not self._begin(model, request):
            self._free()

    def _free(self) -> None:
        self._state.setBusy(False)

    def _begin(self, model: CatalogModel, request: CalibrationRequest) -> bool:
        assert self._view is not None and self._state.parameters is not None
        run, device = CalibrationRun(self._services.command), self._state.parameters.device
        with waiting():
            run.start(str(model.folder), request.manifest, request.name, split=request.split, device=device)
            self._run, self._name = run, request.name
            self._controller.follow(run, self._hear)
            self._view.begin(run.log, _("Calibrating..."))
            return True
        return False

    def _problemOfName(self, name: str) -> str:
        from anofpdm.core.errors import AnoFPDMError

        try:
            self._services.catalog.check_calibration_name(name)
        except AnoFPDMError as error:
            return without_dashes(str(error))
        return ""

    def _hear(self, event: Event) -> None:
        assert self._view is not None
        if isinstance(event, Finished):
            self._end(event.text)
            if self._state.parameters is not None:
                self._state.parameters.calibration = self._name
            self._model.reload()
        elif isinstance(event, Failed):
            self._end(event.sentence, failed=True)
        elif isinstance(event, Cancelled):
            self._end(_("Cancelled; nothing was changed."))
        else:
            self._view.show(event)

    def _end(self, text: str, *, failed: bool = False) -> None:
        assert self._view is not None
        run, self._run = self._run, None
        if run is not None:
            run.close()
        self._state.setBusy(False)
        self._view.end(text, failed=failed)
