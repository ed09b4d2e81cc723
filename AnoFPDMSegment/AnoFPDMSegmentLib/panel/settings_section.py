"""The settings of the shown result, live: rows made from the options of its method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt

from ..mrml.edits import EditedChoice
from .edited_question import EditedQuestion
from .knob_rows import KnobRows
from .state import PanelState
from .widgets import Later, waiting

if TYPE_CHECKING:
    from anofpdm.methods.knobs import Knob


class SettingsSection:
    """While a slider is dragged the slices in view follow; once it is let go, everything does."""

    def __init__(self, ui: Any, state: PanelState) -> None:
        self._ui = ui
        self._state = state
        self._rows = KnobRows(ui.basicKnobs, ui.resultKnobs, self._chooseKnob, live=True)
        self._pending: Any = None
        self._previewed = False
        """Whether the views show what is being dragged, and not the settings in use."""
        self._inUse: dict[Any, float] = {}
        """What the sliders showed before they were moved."""
        self._preview = Later(self._showPreview)
        self.question = EditedQuestion()
        ui.asCalibratedButton.connect("clicked()", self._asCalibrated)
        state.resultChanged.connect(self._showResult)

    @property
    def rows(self) -> dict[str, Any]:
        """By the option's name."""
        return self._rows.rows

    def _showResult(self) -> None:
        self._preview.forget()
        self._previewed = False
        self.question.forget()
        self._ui.settingsGroup.visible = self._state.result is not None
        if self._state.result is not None:
            with waiting():
                self._show()

    def _show(self) -> None:
        """Bring the rows in line with the settings in use."""
        result = self._state.result
        method, settings, detection = result.detection.method, result.settings, result.detection
        if self._rows.make(method, result.case.model.used):
            for (name, slider), make in self._rows.sliders.items():
                self._follow(slider, lambda value, name=name, make=make: self._moved(name, make(value)))
        texts = {knob.name: knob.entry(getattr(settings, knob.name)) for knob in method.knobs if knob.live}
        self._rows.show(texts, method.offers(detection.case, detection.answer, result.case.settings))
        self._ui.asCalibratedButton.enabled = result.case.calibration is not None
        self._inUse = {slider: slider.value for _name, slider in self._rows.sliders}

    def _follow(self, slider: Any, change: Callable[[float], Any]) -> None:
        """Settings follow a slider: `change` makes them of its value."""
        slider.connect("valueIsChanging(double)", lambda value: self._drag(slider, value, change))
        slider.connect("valueChanged(double)", lambda value: self._release(change(value)))

    def _moved(self, name: str, value: Any) -> Any:
        """The settings with one option moved."""
        result = self._state.result
        return result.detection.method.moved(result.case, result.settings, name, value)

    def _chooseKnob(self, knob: Knob, text: str) -> None:
        settings = self._state.result.settings
        with waiting():
            settings = self._moved(knob.name, knob.chosen(text))
        self._release(settings)

    def _asCalibrated(self) -> None:
        self._release(self._state.result.detection.method.settings_type())

    def _drag(self, slider: Any, value: float, change: Callable[[float], Any]) -> None:
        if abs(value - self._inUse[slider]) > 1e-9:
            self._pending = change(value)
            self._preview.ask()
        elif self._previewed:
            # Let go here, the slider will not tell: nothing has changed for it.
            self._release(self._state.result.settings)

    def _showPreview(self) -> None:
        settings, self._pending = self._pending, None
        if settings is not None and self._state.result is not None:
            self._previewed = True
            self._state.result.preview(settings)

    def _release(self, settings: Any) -> None:
        self._preview.forget()
        self._pending = None
        self._previewed = False
        result = self._state.result
        with waiting():
            result.update(settings, self.onEdited)
        # Also after a refusal: the rows show what holds.
        self._show()
        self._state.resultUpdated()

    def onEdited(self) -> EditedChoice:
        """Ask what becomes of the edited segmentation."""
        # A question under a wait cursor looks like a program that hangs.
        qt.QApplication.setOverrideCursor(qt.QCursor(qt.Qt.ArrowCursor))
        try:
            return self.question.ask(self._state.result.segmentationNode)
        finally:
            qt.QApplication.restoreOverrideCursor()
