"""Detections from the click to the results in the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import slicer.util
from slicer.i18n import tr as _

from anofpdm.app.worker.detection_run import DetectionRun
from anofpdm.app.worker.events import Cancelled, Event, Failed, Finished

from ..mrml.examined_inputs import ExaminedInputs
from ..mrml.result import Result
from ..mrml.result_display import ResultDisplay
from .detection_round import DetectionRound, Inputs
from .detection_section import DetectionSection
from .inputs_section import InputsSection, writers
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
_T = TypeVar("_T")


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
        self._round = DetectionRound([])
        # As they were when the run began: the user may be in another module when it ends.
        self._examined: ExaminedInputs | None = None
        self._replace = True

    def shownBy(self, view: RunSection) -> None:
        """Where progress is shown."""
        self._view = view

    def start(self) -> None:
        """Begin with the selected volumes, if nothing is missing and the user agrees to what has to be asked."""
        if not self._state.obstacles():
            self._start(DetectionRound([self._inputs.inputs()]))

    def startEverywhere(self) -> None:
        """The same in all volumes of the scene that the model can examine, one after the other."""
        if self._state.obstacles(ofInputs=False):
            return
        sets, leftOut = self._inputs.everywhere()
        if sets:
            self._start(DetectionRound(sets, leftOut))
        else:
            text = _("No loaded volume can be examined by this model.")
            slicer.util.infoDisplay("\n".join([text, *leftOut]))

    def _start(self, detections: DetectionRound) -> None:
        if self._state.busy or not self._model.licenceAccepted():
            return
        self._round = detections
        self._state.setBusy(True)
        self._torch.ready(self._computable, otherwise=self._free)

    def abandon(self) -> None:
        """Forget the run: the scene is being closed, or the application. PyTorch goes on being installed."""
        if self._controller.running and not self._torch.installing:
            self._controller.abandon()
            self._end(_("The scene was closed, so the run was ended."))

    def _computable(self) -> None:
        # While PyTorch was looked at, or installed, the scene may have been closed.
        parameters = self._state.parameters
        if parameters is None or self._state.obstacles(ofInputs=False) or not self._round.anyPresent(self._isPresent):
            self._free()
            return
        # As they are now: the user may be in another module when the next volumes have their turn.
        self._planned, self._replace = self._detection.planned(), parameters.replaceResult
        if not self._beginNext():
            self._end("" if self._round.alone else self._round.summary())

    def _free(self) -> None:
        self._state.setBusy(False)

    def _beginNext(self) -> bool:
        """Begin with the next volumes that can be examined; False after the last."""
        while self._round.next():
            if self._begin():
                return True
        return False

    def _begin(self) -> bool:
        assert self._planned is not None
        run, inputs = DetectionRun(self._services.command), self._round.inputs
        self.view.begin(run.log, _("Writing the inputs..."), self._round.name)
        options = self._planned.options

        def launch() -> bool:
            self._requirePresent(inputs)
            self._examined = ExaminedInputs.now(inputs)
            run.start(writers(inputs), options)
            self._run = run
            self._controller.follow(run, self._hear)
            self.view.showReadiness()
            return True

        if self._tried(launch):
            return True
        run.close()
        self.view.end("")
        return False

    def _tried(self, action: Callable[[], _T]) -> _T | None:
        """What it returns; None after a failure, which is shown, or of one of several volumes noted for the end."""
        from anofpdm.core.errors import AnoFPDMError

        with waiting():
            try:
                return action()
            except (AnoFPDMError, OSError) as error:
                if self._round.alone:
                    raise
                self._round.failed(str(error))
        return None

    def _isPresent(self, inputs: Inputs) -> bool:
        return all(self._services.context.scene.IsNodePresent(node) for node in inputs.values())

    def _requirePresent(self, inputs: Inputs) -> None:
        if not self._isPresent(inputs):
            from anofpdm.core.errors import InputError

            raise InputError(_("The volume was removed from the scene before its turn."))

    def _hear(self, event: Event) -> None:
        if isinstance(event, Finished):
            self._finish()
        elif isinstance(event, Failed):
            self._fail(event)
        elif isinstance(event, Cancelled):
            self._end(self._round.cancelled())
        else:
            self.view.show(event)

    def _fail(self, event: Failed) -> None:
        suspicious = self._torch.suspects(event.exit_code)
        if self._round.alone or suspicious:
            self._end(event.sentence, failed=True)
        else:
            self._round.failed(event.sentence)
            self._goOn()
        if suspicious:
            self._state.setBusy(True)
            self._torch.repair(self._free)

    def _goOn(self) -> None:
        """With the next volumes of the round, or to its end."""
        self._close()
        if not self._beginNext():
            self._end(self._round.summary())
            if self._state.result is None:
                self._results.reload()

    def _finish(self) -> None:
        result = self._tried(self._import)
        show = result is not None and self._examined is not None and self._display.mayShow(self._examined)
        if not self._round.alone:
            if result is not None:
                self._keep(result, show)
            self._goOn()
        elif result is None:
            self._end(_("The result could not be put into the scene."), failed=True)
        elif show:
            self._end(_("Done."))
            self._state.setResult(result)
            self._display.show()
        else:
            self._announce(result)

    def _keep(self, result: Result, show: bool) -> None:
        """Of one of several; the views stay where they show another image."""
        self._round.succeeded()
        if show:
            self._state.setResult(result)
            self._display.show()
        else:
            self._results.reload()

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
        self._close()
        self._planned = None
        if self._state.busy:
            self._state.setBusy(False)

    def _close(self) -> None:
        run, self._run = self._run, None
        self._examined = None
        if run is not None:
            run.close()

    @property
    def view(self) -> RunSection:
        """Where progress is shown."""
        assert self._view is not None
        return self._view
