"""The model's calibration: where it comes from, and calibrating anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .state import PanelState


class CalibrationSection:
    """Nothing to see for a model that is not calibrated by users."""

    def __init__(self, ui: Any, state: PanelState, calibrate: Callable[[], None]) -> None:
        self._ui = ui
        self._state = state
        ui.calibrateButton.connect("clicked()", calibrate)
        state.modelChanged.connect(self._show)
        state.parametersChanged.connect(self._show)
        state.busyChanged.connect(self._show)

    def _show(self) -> None:
        preset, model = self._state.preset, self._state.model
        method = model.method if model is not None else None
        self._ui.calibrationRows.visible = method is not None and method.calibrates
        if preset is not None:
            self._ui.calibrationLabel.text = preset.about
        self._ui.calibrateButton.enabled = not self._state.busy
