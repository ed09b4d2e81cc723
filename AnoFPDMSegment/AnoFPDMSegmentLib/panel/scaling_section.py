"""Dataset-calibrated scaling of the next run: where it comes from, its values, and calibrating anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from ..parameters import MOST_INPUTS
from .detection_options import plannedRun
from .knob_rows import designedKnob
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
            scaled = designedKnob(model.method, "scaling") is not None
            method = model.method
            self._ui.scalingGroup.visible = scaled or (method is not None and method.calibrates)
            self._ui.scalingGroup.title = _("Dataset-calibrated scaling") if scaled else _("Calibration")
            self._ui.useCalibratedScaling.visible = scaled
            self._ui.resetScalingButton.visible = scaled
            names = [name.upper() for name in model.used] if scaled else []
            for number, (label, box) in enumerate(zip(self._labels, self._boxes, strict=True)):
                shown = number < len(names)
                label.visible = shown
                box.visible = shown
                box.enabled = not parameters.useCalibratedScaling
                if shown:
                    label.text = f"{names[number]}:"
            self._ui.calibrationLabel.text = preset.about
            self._ui.resetScalingButton.enabled = not parameters.useCalibratedScaling
            self._ui.calibrateButton.enabled = not self._state.busy
            if parameters.useCalibratedScaling and scaled:
                offer = plannedRun(model, parameters).plan.offers.get("scaling")
                for number, value in enumerate((offer.value if offer is not None else None) or (), 1):
                    if abs(getattr(parameters, f"scaling{number}") - value) > 0.5e-6:
                        setattr(parameters, f"scaling{number}", value)
            self._state.setSettingsProblem("scaling", self._problem(len(names)))
        finally:
            self._updating = False

    def _problem(self, count: int) -> str:
        parameters = self._state.parameters
        own = parameters is not None and not parameters.useCalibratedScaling
        if own and not all(getattr(parameters, f"scaling{n}") > 0 for n in range(1, count + 1)):
            return _("The dataset-calibrated scaling must be more than 0: enter a value or reset it.")
        return ""
