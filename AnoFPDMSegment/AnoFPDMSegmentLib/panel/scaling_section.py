"""Dataset-calibrated scaling of the next run: where it comes from, its values, and calibrating anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from ..parameters import MOST_INPUTS
from .state import PanelState


class ScalingSection:
    """One value M_max for each modality whose maps are used, at the guidance strength in use."""

    def __init__(self, ui: Any, state: PanelState, calibrate: Callable[[], None]) -> None:
        self._ui = ui
        self._state = state
        self._updating = False
        self._labels = [getattr(ui, f"scalingLabel{n}") for n in range(1, MOST_INPUTS + 1)]
        self._boxes = [getattr(ui, f"scaling{n}") for n in range(1, MOST_INPUTS + 1)]
        ui.resetScalingButton.connect("clicked()", self._reset)
        ui.calibrateButton.connect("clicked()", calibrate)
        state.modelChanged.connect(self._show)
        state.parametersChanged.connect(self._show)
        state.busyChanged.connect(self._show)

    def _reset(self) -> None:
        if self._state.parameters is not None:
            self._state.parameters.useCalibratedScaling = True

    def _show(self) -> None:
        preset, parameters, model = self._state.preset, self._state.parameters, self._state.model
        if preset is None or parameters is None or model is None or self._updating:
            return
        self._updating = True
        try:
            names = [name.upper() for name in model.used]
            for number, (label, box) in enumerate(zip(self._labels, self._boxes, strict=True)):
                shown = number < len(names)
                label.visible = shown
                box.visible = shown
                box.enabled = not parameters.useCalibratedScaling
                if shown:
                    label.text = f"{names[number]}:"
            self._ui.calibrationLabel.text = calibrationText(preset)
            self._ui.resetScalingButton.enabled = not parameters.useCalibratedScaling
            self._ui.calibrateButton.enabled = not self._state.busy
            if parameters.useCalibratedScaling and preset.calibration is not None:
                for number, value in enumerate(preset.scaling(parameters.guidance), 1):
                    if abs(getattr(parameters, f"scaling{number}") - value) > 0.5e-6:
                        setattr(parameters, f"scaling{number}", value)
            self._state.setSettingsProblem(self._problem(len(names)))
        finally:
            self._updating = False

    def _problem(self, count: int) -> str:
        parameters = self._state.parameters
        own = parameters is not None and not parameters.useCalibratedScaling
        if own and not all(getattr(parameters, f"scaling{n}") > 0 for n in range(1, count + 1)):
            return _("The dataset-calibrated scaling must be more than 0: enter a value or reset it.")
        return ""


def calibrationText(preset: Any) -> str:
    """Where the values come from, in a line."""
    calibration = preset.calibration
    if calibration is None:
        return _("This model is not calibrated.")
    text = _("Calibration '{name}': {slices} slices ({unhealthy} unhealthy) of {subjects} subjects, {source}")
    return text.format(
        name=calibration.name,
        slices=calibration.slices,
        unhealthy=calibration.unhealthy_slices,
        subjects=calibration.subjects,
        source=calibration.source or _("source not stated"),
    )
