"""One detection from the click to the result in the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer.util
from slicer.i18n import tr as _

from anofpdm.app.worker.detection_run import DetectionRun
from anofpdm.app.worker.events import Cancelled, Event, Failed, Finished

from ..mrml.examined_inputs import ExaminedInputs
from ..mrml.result import Result
from ..mrml.result_display import ResultDisplay
from .detection_section import DetectionSection
from .inputs_section import InputsSection
from .model_section import ModelSection
from .result_section import ResultSection
from .run_controller import RunController
from .run_section import RunSection
from .services import PanelServices
from .state import PanelState
from .torch_action import TorchAction
from .widgets import waiting

if TYPE_CHECKING:
    from anofpdm.results.detection import Detection

    from .detection_options import PlannedRun

_ANNOUNCED_MS = 10_000


class DetectAction:
    """Nothing of the scene changes unless a run has succeeded."""

    def __init__(
        self,
        services: PanelServices,
        state: PanelState,
        controller: RunController,
        inputs: InputsSection,
        model: ModelSection,
        detection: DetectionSection,
        results: ResultSection,
        display: ResultDisplay,
        torch: TorchAction,
    ) -> None:
        self._services = services
        self._state = state
        self._controller = controller
        self._inputs = inputs
        self._model = model
        self._detection = detection
        self._results = results
        self._display = display
        self._torch = torch
        self._view: RunSection | None = None
        self._run: DetectionRun | None = None
        self._planned: PlannedRun | None = None
        # As they were when the run began: the user may be in another module when it ends.
        self._examined: ExaminedInputs | None = None
        self._replace = True

    def shownBy(self, view: RunSection) -> None:
        """Where progress is shown."""
        self._view = view

    def start(self) -> None:
        """Begin, if nothing is missing and the user agrees to what has to be asked."""
        if self._state.busy or self._state.obstacles():
            return
        if not self._model.licenceAccepted():
            return
        self._state.setBusy(True)
        self._torch.ready(self._computable, otherwise=self._free)

    def abandon(self) -> None:
        """Forget the run: the scene is being closed, or the application. PyTorch goes on being installed."""
        if self._controller.running and not self._torch.installing:
            self._controller.abandon()
            self._end(_("The scene was closed, so the run was ended."))

    def _computable(self) -> None:
        # While PyTorch was looked at, or installed, the scene may have been closed.
        if self._state.obstacles() or not self._begin():
            self._free()

    def _free(self) -> None:
        self._state.setBusy(False)

    def _begin(self) -> bool:
        assert self._state.parameters is not None
        run, planned = DetectionRun(self._services.command), self._detection.planned()
        self.view.begin(run.log, _("Writing the inputs..."))
        self._replace = self._state.parameters.replaceResult
        with waiting():
            self._examined = ExaminedInputs.now(self._inputs.inputs())
            run.start(self._inputs.writers(), planned.options)
            self._run, self._planned = run, planned
            self._controller.follow(run, self._hear)
            self.view.showReadiness()
            return True
        run.close()
        self.view.end("")
        return False

    def _hear(self, event: Event) -> None:
        if isinstance(event, Finished):
            self._finish()
        elif isinstance(event, Failed):
            self._end(event.sentence, failed=True)
            if self._torch.suspects(event.exit_code):
                self._state.setBusy(True)
                self._torch.repair(self._free)
        elif isinstance(event, Cancelled):
            self._end(_("Cancelled; the scene is as it was."))
        else:
            self.view.show(event)

    def _finish(self) -> None:
        result, show = None, False
        with waiting():
            result = self._import()
            show = self._examined is not None and self._display.mayShow(self._examined)
        if result is None:
            self._end(_("The result could not be put into the scene."), failed=True)
            return
        if show:
            self._end(_("Done."))
            self._state.setResult(result)
            self._display.show()
        else:
            self._announce(result)

    def _announce(self, result: Result) -> None:
        """The user looks at another image now; the views stay there."""
        shown = self._state.result
        if shown is None or shown.heatmapNode is None:
            self._state.setResult(result)
        else:
            self._results.reload()
        text = _("Done. The views show another image, so they stay there; the result is {result}: choose or show it.")
        text = text.format(result=self._results.nameOf(result))
        self._end(text)
        slicer.util.showStatusMessage(text, _ANNOUNCED_MS)

    def _import(self) -> Result | None:
        context, examined = self._services.context, self._examined
        assert self._run is not None and self._planned is not None and examined is not None
        node = examined.first
        detection: Detection = self._run.detection(examined.names)
        if not context.scene.IsNodePresent(node):
            from anofpdm.core.errors import InputError

            raise InputError(_("The examined volume was removed from the scene, so its result has no place."))
        replaced = None
        if self._replace:
            replaced = next((each for each in reversed(Result.all(context)) if each.isOf(examined)), None)
        result = Result.create(context, node, detection, examined=examined, replace=replaced)
        case = detection.case
        self._detection.remember(self._planned, case.run.run_time_s, len(case.examined))
        return result

    def _end(self, text: str, *, failed: bool = False) -> None:
        self._tidy()
        self.view.end(text, failed=failed)

    def _tidy(self) -> None:
        run, self._run = self._run, None
        self._planned = None
        self._examined = None
        if run is not None:
            run.close()
        if self._state.busy:
            self._state.setBusy(False)

    @property
    def view(self) -> RunSection:
        """Where progress is shown."""
        assert self._view is not None
        return self._view
