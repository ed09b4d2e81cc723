"""PyTorch before a run: looked at once a session, installed after one question, with progress and cancel."""

from __future__ import annotations

from collections.abc import Callable

import slicer.util
from slicer.i18n import tr as _

from anofpdm.app.worker.events import Cancelled, Event, Failed, Finished

from ..install.installation import Installation
from ..install.torch_setup import NOTHING, Offer
from ..install.torch_state import TorchState
from .run_controller import RunController
from .run_section import RunSection
from .services import PanelServices
from .widgets import waiting


class TorchAction:
    """Of the two functions it is given exactly one is called, perhaps minutes later."""

    def __init__(self, services: PanelServices, controller: RunController) -> None:
        self._setup = services.torchSetup
        self._controller = controller
        self._view: RunSection | None = None
        self._installation: Installation | None = None
        self._then: Callable[[], None] = lambda: None
        self._otherwise: Callable[[], None] = lambda: None

    def shownBy(self, view: RunSection) -> None:
        """Where progress is shown."""
        self._view = view

    @property
    def installing(self) -> bool:
        """Whether an installation is under way."""
        return self._installation is not None

    def suspects(self, exitCode: int | None) -> bool:
        """Whether a failed run may be PyTorch's fault."""
        return self._setup.suspects(exitCode)

    def ready(self, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Go on with `then` once PyTorch can compute, with `otherwise` after the user was told why it cannot."""
        self._then, self._otherwise = then, otherwise
        self.view.say(_("Checking PyTorch..."))
        self._look(self._setup.state())

    def repair(self, then: Callable[[], None]) -> None:
        """After a failed run that is suspicious: offer to mend PyTorch; go on with `then` in any case."""
        self._then = self._otherwise = then
        state = self._setup.state(again=True)
        if state.ok:
            then()
        else:
            self._look(state)

    def abandon(self) -> None:
        """The application ends, or the module is loaded again: end the installation at once."""
        if self._installation is not None:
            self._installation = None
            self._controller.abandon()
            self._otherwise()

    def _look(self, state: TorchState) -> None:
        if state.ok:
            self._then()
            return
        offer = self._setup.offer(state)
        if isinstance(offer, TorchState):
            self._refuse(offer)
        elif not slicer.util.confirmYesNoDisplay(offer.question):
            self.view.say(f"{state.sentence} {NOTHING}")
            self._otherwise()
        else:
            self._install(offer, state)

    def _install(self, offer: Offer, state: TorchState) -> None:
        if offer.steps is None:
            self.view.say(_("Installing PyTorch; Slicer's window stands still for some minutes..."))
            slicer.app.processEvents()
            outcome = state
            with waiting():
                outcome = self._setup.installStandingStill(state)
            self._conclude(outcome)
            return
        installation = self._setup.installation(offer.steps)
        with waiting():
            installation.start()
            self._installation = installation
            self._controller.follow(installation, self._hear)
            self.view.begin(installation.log, _("Installing PyTorch..."))
            return
        self._otherwise()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Cancelled):
            self._installation = None
            self.view.end(_("Cancelled. PyTorch is not complete; the next run offers to install it."))
            self._otherwise()
        elif isinstance(event, Finished | Failed):
            installation, self._installation = self._installation, None
            assert installation is not None
            self.view.end(_("Checking PyTorch..."))
            self._conclude(self._setup.outcome(installation.log.text()))
        else:
            self.view.show(event)

    def _conclude(self, outcome: TorchState) -> None:
        if outcome.ok:
            self.view.say(_("PyTorch is installed."))
            self._then()
        else:
            self._refuse(outcome)

    def _refuse(self, state: TorchState) -> None:
        self.view.say(state.sentence)
        slicer.util.errorDisplay(state.sentence, detailedText=state.detail)
        self._otherwise()

    @property
    def view(self) -> RunSection:
        """Where progress is shown."""
        assert self._view is not None
        return self._view
