"""Result: the settings of the shown detection, live."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import qt
import slicer.util
from slicer.i18n import tr as _

from ..mrml.edits import EditedChoice
from ..mrml.result import Result
from ..mrml.result_display import ResultDisplay
from . import result_settings
from .edited_question import EditedQuestion
from .result_names import resultNames
from .result_scaling import ResultScaling
from .services import PanelServices
from .state import PanelState
from .widgets import Later, fillCombo, nearest, quiet, setSlider, setSliderScale, waiting


class ResultSection:
    """While a slider is dragged the slices in view follow; once it is let go, everything does."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState, display: ResultDisplay) -> None:
        self._ui = ui
        self._context = services.context
        self._state = state
        self._display = display
        self._results: list[Result] = []
        self._unreadable: list[Any] = []
        """Nodes of results whose evidence is damaged; the user was told, and the list leaves them out."""
        self._parts: tuple[Any, ...] = ()
        """What of the shown result there was when it was shown last."""
        self._kinds: list[str] = []
        self._pending: Any = None
        self._previewed = False
        """Whether the views show what is being dragged, and not the settings in use."""
        self._inUse: dict[Any, float] = {}
        """What the sliders showed before they were moved."""
        self._preview = Later(self._showPreview)
        self._scaling = ResultScaling(ui)
        self.question = EditedQuestion()
        ui.resultSelector.connect("currentIndexChanged(int)", self._choose)
        ui.showResultButton.connect("clicked()", self._show)
        ui.removeResultButton.connect("clicked()", self._remove)
        ui.asCalibratedButton.connect("clicked()", self._asCalibrated)
        ui.resetResultScalingButton.connect("clicked()", self._resetScaling)
        ui.thresholdSelector.connect("currentIndexChanged(int)", self._chooseThreshold)
        ui.ungated.connect("toggled(bool)", lambda on: self._apply(ungated=on))
        changes: dict[Any, Callable[[float], Any]] = {
            ui.resultGuidance: self._withGuidance,
            ui.thresholdValue: self._withThreshold,
            ui.minimumSize: self._withMinimumSize,
        }
        for number, slider in enumerate(self._scaling.sliders):
            changes[slider] = lambda value, number=number: self._withScaling(number, value)
        self._sliders = list(changes)
        for slider, change in changes.items():
            slider.connect(
                "valueIsChanging(double)", lambda value, slider=slider, change=change: self._drag(slider, value, change)
            )
            slider.connect("valueChanged(double)", lambda value, change=change: self._release(change(value)))
        state.resultChanged.connect(self._showResult)
        state.resultUpdated.connect(self._showSummary)

    def reload(self) -> None:
        """Find the scene's results again; the one shown stays if it is still there, else the last is shown."""
        Result.removeLeftovers(self._context)
        shown = self._state.result
        self._find()
        kept = shown is not None and any(each is shown for each in self._results)
        self._state.setResult(shown if kept else self._last())

    def refresh(self) -> None:
        """Find them again if there are others than before: the user may remove nodes anywhere in Slicer."""
        Result.removeLeftovers(self._context)
        if [each.node for each in self._inScene()] != [each.node for each in self._results]:
            self.reload()
        elif self._state.result is not None and self._partsOf(self._state.result) != self._parts:
            self._parts = self._partsOf(self._state.result)
            self._state.resultUpdated()

    def nameOf(self, result: Result) -> str:
        """What the list calls a result."""
        names = resultNames(self._context, self._results)
        return next(name for name, each in zip(names, self._results, strict=True) if each.node is result.node)

    @staticmethod
    def _partsOf(result: Result) -> tuple[Any, ...]:
        return result.segmentationNode, result.inputNode

    def _find(self) -> None:
        """The scene's results; those known already are the same objects, which hold what was computed."""
        known = [*self._results, *([self._state.result] if self._state.result is not None else [])]
        self._results = [next((old for old in known if old.node is each.node), each) for each in self._inScene()]

    def _inScene(self) -> list[Result]:
        self._unreadable = [node for node in self._unreadable if self._context.scene.IsNodePresent(node)]
        return [each for each in Result.all(self._context) if each.node not in self._unreadable]

    def _last(self) -> Result | None:
        """The last result that can be read."""
        while self._results and not self._read(self._results[-1]):
            pass
        return self._results[-1] if self._results else None

    def _read(self, result: Result) -> bool:
        """Build a result from its evidence; one that is damaged is told of and leaves the list."""
        with waiting():
            result.detection  # noqa: B018 - kept by the result
            return True
        self._unreadable.append(result.node)
        self._results.remove(result)
        return False

    def _choose(self, index: int) -> None:
        if not 0 <= index < len(self._results):
            return
        if self._read(self._results[index]):
            self._state.setResult(self._results[index])
            self._show()
        else:
            self._fillSelector()

    def _show(self) -> None:
        with waiting():
            self._display.show()

    def _remove(self) -> None:
        result = self._state.result
        text = _("Take the result of {result} out of the scene?").format(result=self.nameOf(result))
        if result.wasEdited:
            text += " " + _("Its segmentation, which was edited by hand, stays.")
        if slicer.util.confirmYesNoDisplay(text):
            with waiting():
                result.remove(keepEdited=True)
            self.reload()

    def _showResult(self) -> None:
        result = self._state.result
        if result is not None and not any(each is result for each in self._results):
            self._find()
        self._fillSelector()
        self._ui.resultSection.visible = bool(self._results)
        self._preview.forget()
        self._previewed = False
        self.question.forget()
        self._parts = self._partsOf(result) if result is not None else ()
        if result is None:
            return
        with waiting():
            self._showSettings()
            self._showSummary()

    def _fillSelector(self) -> None:
        index = next((n for n, each in enumerate(self._results) if each is self._state.result), -1)
        fillCombo(self._ui.resultSelector, resultNames(self._context, self._results), index)

    def _showSettings(self) -> None:
        """Bring the widgets in line with the settings in use."""
        ui, result = self._ui, self._state.result
        settings, choices, case = result.settings, result.detection.answer.choices, result.case
        low, high = result_settings.guidanceRange(case)
        setSlider(ui.resultGuidance, low, high, choices.guidance)
        with quiet(ui.minimumSize, ui.ungated):
            ui.minimumSize.value = choices.minimum_size.mm3 or 0.0
            ui.ungated.checked = settings.ungated
        ownSize = settings.minimum_size is None
        text = _("as the model says: more than {pixels} of its pixels in a slice")
        ui.minimumSizeNote.text = text.format(pixels=choices.minimum_size.pixels)
        ui.minimumSizeNote.visible = ownSize
        ui.minimumSizeSpace.visible = ownSize
        ui.asCalibratedButton.enabled = case.calibration is not None
        kinds = result_settings.thresholdKinds(case)
        self._kinds = list(kinds)
        kind = result_settings.thresholdKind(settings)
        fillCombo(ui.thresholdSelector, list(kinds.values()), self._kinds.index(kind))
        self._showThresholdValue(kind, settings.threshold.number if settings.threshold is not None else None)
        self._scaling.show(result)
        self._inUse = {slider: slider.value for slider in self._sliders}

    def _showThresholdValue(self, kind: str, number: float | None) -> None:
        slider = self._ui.thresholdValue
        manual = number is not None
        slider.visible = manual
        self._ui.thresholdValueLabel.visible = manual
        if not manual:
            return
        if kind == result_settings.QUANTILE:
            low, high, decimals = result_settings.QUANTILE_SCALE
        else:
            typical = max(number, result_settings.typicalThreshold(self._state.result))
            low, high, decimals = result_settings.valueScale(typical)
        setSliderScale(slider, low, high, decimals, number)

    def _showSummary(self) -> None:
        result = self._state.result
        if result is None:
            return
        findings = result.detection.findings
        self._ui.summaryLabel.text = findings["summary"]
        warnings = findings["warnings"]
        self._ui.warningsLabel.text = "\n".join(f"⚠ {warning}" for warning in warnings)
        self._ui.warningsLabel.visible = bool(warnings)

    def _withGuidance(self, value: float) -> Any:
        result = self._state.result
        snapped = nearest(value, result_settings.guidanceBank(result.case))
        return dataclasses.replace(result.settings, guidance=snapped)

    def _withThreshold(self, value: float) -> Any:
        result = self._state.result
        kind = result_settings.thresholdKind(result.settings)
        return result_settings.withThreshold(result.settings, kind, value, result.case)

    def _withMinimumSize(self, value: float) -> Any:
        return result_settings.withMinimumSize(self._state.result.settings, value)

    def _withScaling(self, number: int, value: float) -> Any:
        result = self._state.result
        scaling = list(result_settings.scalingInUse(result))
        scaling[number] = value
        return result_settings.withScaling(result.settings, tuple(scaling))

    def _chooseThreshold(self, index: int) -> None:
        result, kind = self._state.result, self._kinds[index]
        number = result_settings.firstNumber(kind, result)
        self._release(result_settings.withThreshold(result.settings, kind, number, result.case))

    def _asCalibrated(self) -> None:
        result = self._state.result
        self._release(result_settings.asCalibrated(result.settings, result.case))

    def _resetScaling(self) -> None:
        self._release(result_settings.withScaling(self._state.result.settings, None))

    def _apply(self, **changes: Any) -> None:
        self._release(dataclasses.replace(self._state.result.settings, **changes))

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
        # Also after a refusal: the widgets show what holds.
        self._showSettings()
        self._state.resultUpdated()

    def onEdited(self) -> EditedChoice:
        """Ask what becomes of the edited segmentation."""
        # A question under a wait cursor looks like a program that hangs.
        qt.QApplication.setOverrideCursor(qt.QCursor(qt.Qt.ArrowCursor))
        try:
            return self.question.ask(self._state.result.segmentationNode)
        finally:
            qt.QApplication.restoreOverrideCursor()
