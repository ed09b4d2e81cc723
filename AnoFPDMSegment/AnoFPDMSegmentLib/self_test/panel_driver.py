"""The opened module, worked as by a user."""

from __future__ import annotations

import time
from typing import Any

import qt
import slicer
import slicer.util

from ..mrml.observers import Observers
from .dialog_closer import DialogCloser
from .requirements import require

MODULE, OTHER_MODULE = "AnoFPDMSegment", "Data"
LONGEST_S = 1800.0
"""For a detection on a slow processor."""


class PanelDriver:
    """Chooses modules, waits for runs, drags sliders."""

    def __init__(self) -> None:
        self.dialogs = DialogCloser()

    @property
    def panel(self) -> Any:
        """Another one after a reload."""
        return slicer.modules.AnoFPDMSegmentWidget.panel

    @property
    def ui(self) -> Any:
        """Its widgets."""
        return self.panel.ui

    @property
    def result(self) -> Any:
        """The one that is shown."""
        return self.panel.state.result

    @property
    def slider(self) -> Any:
        """The first of the shown result's options, whatever its method is."""
        return next(slider for row in self.panel._settings.rows.values() for slider in row.sliders)

    def enter(self) -> None:
        """Choose the module."""
        slicer.util.selectModule(MODULE)
        self.idle()

    def leave(self) -> None:
        """Choose another one."""
        slicer.util.selectModule(OTHER_MODULE)
        self.idle()

    def openSections(self) -> None:
        """All of the panel: what is folded away cannot be clicked."""
        for kind in ("ctkCollapsibleButton", "ctkCollapsibleGroupBox"):
            for section in slicer.util.findChildren(self.panel.widget, className=kind):
                section.collapsed = False
        self.idle()

    def idle(self) -> None:
        """Let the application deal with its events."""
        for _ in range(5):
            slicer.app.processEvents()

    def waitForRun(self) -> None:
        """Until no worker runs. Raises AssertionError after half an hour."""
        end = time.monotonic() + LONGEST_S
        while self.panel.state.busy:
            require(time.monotonic() < end, "The detection has not ended.")
            slicer.app.processEvents()
            time.sleep(0.02)
        self.idle()

    def drag(self, slider: Any, *shares: float) -> None:
        """Press the handle of a slider, move it to shares of its way, let go."""
        handle = slider.findChildren(qt.QSlider)[0]
        handle.sliderDown = True
        for share in shares:
            handle.sliderPosition = round(handle.minimum + share * (handle.maximum - handle.minimum))
            self.idle()
        handle.sliderDown = False
        self.idle()


class EventCount:
    """How often something has happened to a node."""

    def __init__(self, node: Any, event: Any) -> None:
        self.count = 0
        self._observers = Observers()
        self._observers.add(node, event, self._add)

    def take(self) -> int:
        """Since the last call."""
        count, self.count = self.count, 0
        return count

    def end(self) -> None:
        """Count no more."""
        self._observers.clear()

    def _add(self) -> None:
        self.count += 1
