"""Whose the chosen result is, and whether the views show it."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from ..mrml.result_display import ResultDisplay
from .result_names import resultDetails
from .services import PanelServices
from .state import PanelState


class ResultPlace:
    """Two lines under the list of results."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState, display: ResultDisplay) -> None:
        self._ui = ui
        self._context = services.context
        self._state = state
        self._display = display
        state.resultChanged.connect(self.refresh)
        state.resultUpdated.connect(self.refresh)

    def refresh(self) -> None:
        """The views, or the result, have changed."""
        result = self._state.result
        if result is None or result.heatmapNode is None:
            return
        self._ui.resultPlaceLabel.text = resultDetails(self._context, result)
        reason = self._whyNotShown(result)
        self._ui.notShownLabel.text = reason
        self._ui.notShownLabel.visible = bool(reason)

    def _whyNotShown(self, result: Any) -> str:
        if result.inputNode is None:
            return _("The examined image was removed from the scene, so there is nothing to draw the result over.")
        if self._display.isInView:
            return ""
        if self._display.imageHasChanged:
            return _(
                "Not drawn: the volume holds another image than the one that was examined. If it belongs to a "
                "sequence, go back to the time point that was examined."
            )
        return _("Not drawn: the slice views do not show the image that was examined.")
