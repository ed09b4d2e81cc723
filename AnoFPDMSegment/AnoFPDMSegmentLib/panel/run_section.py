"""The button, progress and log of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from anofpdm.app.engine_words import without_dashes
from anofpdm.app.worker.events import Cancelled, Download, Event, Failed, Finished, Notice, Progress, Stage

from .run_controller import RunController
from .state import PanelState

if TYPE_CHECKING:
    from anofpdm.app.worker.log import BoundedLog

_FAILED = "#d0342c"
"""Readable on light and on dark ground."""


class RunSection:
    """Shows how far a worker is, and lets the user end it."""

    def __init__(
        self,
        ui: Any,
        state: PanelState,
        controller: RunController,
        detect: Callable[[], None],
        detectEverywhere: Callable[[], None],
    ) -> None:
        self._ui = ui
        self._state = state
        self._controller = controller
        self._detect = detect
        self._of = ""
        """Which of several volumes is under way."""
        self._log: BoundedLog | None = None
        self._shownLog = ""
        self._stages = {
            "reading": _("Reading the volume..."),
            "preparing": _("Preparing the slices..."),
            "detecting": _("Detecting..."),
            "calibrating": _("Calibrating..."),
            "building": _("Building the result..."),
            "registering": _("Laying one examination over the other..."),
            "comparing": _("Comparing the two examinations..."),
            "writing": _("Writing the result..."),
        }
        ui.progressBar.visible = False
        ui.runStatusLabel.visible = False
        ui.detectButton.connect("clicked()", self._clicked)
        self._menu = qt.QMenu(ui.detectMenuButton)
        self._menu.addAction(_("In all loaded volumes")).connect("triggered()", detectEverywhere)
        ui.detectMenuButton.setMenu(self._menu)
        ui.copyLogButton.connect("clicked()", self._copyLog)
        ui.logGroup.connect("toggled(bool)", self._showLog)
        state.readinessChanged.connect(self.showReadiness)

    def showReadiness(self) -> None:
        """Button and tooltip: what a click would do, or what is missing."""
        button, menu = self._ui.detectButton, self._ui.detectMenuButton
        menu.enabled = not self._state.busy and not self._state.obstacles(ofInputs=False)
        if self._controller.running:
            button.text = _("Cancelling...") if self._controller.cancelling else _("Cancel")
            button.toolTip = _("End the computation; the scene stays as it is.")
            button.enabled = not self._controller.cancelling
            return
        obstacles = self._state.obstacles()
        button.text = _("Detect anomalies")
        button.enabled = not obstacles and not self._state.busy
        button.toolTip = "\n".join(obstacles) if obstacles else _("Look for anomalies in the selected volumes.")

    def begin(self, log: BoundedLog, text: str, of: str = "") -> None:
        """A run starts; `of`: which of several."""
        self._log = log
        self._of = of
        self._color("")
        self._ui.progressBar.value = 0
        self._ui.progressBar.visible = True
        self.say(text)
        self.showReadiness()

    def say(self, text: str) -> None:
        """The line under the button."""
        self._ui.runStatusLabel.text = without_dashes(f"{self._of}: {text}" if self._of and text else text)
        self._ui.runStatusLabel.visible = bool(text)

    def end(self, text: str, *, failed: bool = False) -> None:
        """A run is over; after a failure the log is opened."""
        self._of = ""
        self._ui.progressBar.visible = False
        self.say(text)
        self._color(_FAILED if failed else "")
        if failed:
            self._ui.logGroup.collapsed = False
        self._showLog()
        self.showReadiness()

    def _color(self, color: str) -> None:
        self._ui.runStatusLabel.styleSheet = f"color: {color}" if color else ""

    def show(self, event: Event) -> None:
        """What a worker tells on its way; its last event is for `end`."""
        if isinstance(event, Stage):
            self.say(self._stages.get(event.name, event.name))
        elif isinstance(event, Progress):
            self._showProgress(event)
        elif isinstance(event, Download):
            self._showDownload(event)
        elif isinstance(event, Notice):
            self.say(event.sentence)
        assert not isinstance(event, Finished | Failed | Cancelled)
        self._showLog()

    def _showProgress(self, progress: Progress) -> None:
        from anofpdm.core.reporting import format_seconds

        if self._controller.cancelling:
            return
        self._ui.progressBar.value = int(1000 * progress.slices_done / max(progress.slices, 1))
        text = _("{done} of {all} slices").format(done=int(progress.slices_done), all=progress.slices)
        if progress.what:
            text = f"{progress.what}: {text}"
        if progress.seconds_left is not None:
            text += _(", {time} left").format(time=format_seconds(progress.seconds_left))
        self.say(text)

    def _showDownload(self, download: Download) -> None:
        if self._controller.cancelling:
            return
        done, size = download.bytes_done / 1e6, download.bytes / 1e6
        self._ui.progressBar.value = int(1000 * done / size) if size else 0
        text = _("{done:.0f} of {all:.0f} MB") if size else _("{done:.0f} MB")
        self.say(f"{download.sentence} {text.format(done=done, all=size)}")

    def _clicked(self) -> None:
        if not self._controller.running:
            self._detect()
            return
        self._controller.cancel()
        self.say(_("Cancelling..."))
        self.showReadiness()

    def _showLog(self) -> None:
        if self._log is None or self._ui.logGroup.collapsed:
            return
        text = self._log.text()
        if text != self._shownLog:
            self._shownLog = text
            self._ui.logText.setPlainText(text)

    def _copyLog(self) -> None:
        if self._log is not None:
            qt.QApplication.clipboard().setText(self._log.text())
