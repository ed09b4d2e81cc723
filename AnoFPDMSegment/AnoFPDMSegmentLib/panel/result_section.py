"""Result: the settings of the shown detection, live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import qt
import slicer.util
from slicer.i18n import tr as _

from ..mrml.edits import EditedChoice
from ..mrml.result import Result
from ..mrml.result_display import ResultDisplay
from .edited_question import EditedQuestion
from .knob_rows import KnobRows, designedKnob
from .result_names import resultNames
from .result_scaling import ResultScaling
from .services import PanelServices
from .state import PanelState
from .widgets import Later, fillCombo, nearest, quiet, setSlider, setSliderScale, waiting

if TYPE_CHECKING:
    from anofpdm.methods.knobs import Knob
    from anofpdm.methods.offers import Offer


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
        self._offers: Mapping[str, Offer] = {}
        """What the shown result offers, by the option's name."""
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
        ui.ungated.connect("toggled(bool)", lambda on: self._release(self._moved("ungated", on)))
        self._rows = [
            KnobRows(ui.resultKnobs, self._chooseKnob, live=True, advanced=False),
            KnobRows(ui.moreKnobs, self._chooseKnob, live=True, advanced=True),
        ]
        changes: dict[Any, Callable[[float], Any]] = {
            ui.resultGuidance: self._withGuidance,
            ui.thresholdValue: self._withThreshold,
            ui.minimumSize: self._withMinimumSize,
        }
        for number, slider in enumerate(self._scaling.sliders):
            changes[slider] = lambda value, number=number: self._withScaling(number, value)
        self._designed = list(changes)
        for slider, change in changes.items():
            self._follow(slider, change)
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

    def _follow(self, slider: Any, change: Callable[[float], Any]) -> None:
        """Settings follow a slider: `change` makes them of its value."""
        slider.connect("valueIsChanging(double)", lambda value: self._drag(slider, value, change))
        slider.connect("valueChanged(double)", lambda value: self._release(change(value)))

    @property
    def rows(self) -> dict[str, Any]:
        """Of the options of the shown result's method that have no row in the .ui file, by name."""
        return {name: row for rows in self._rows for name, row in rows.rows.items()}

    @property
    def _sliders(self) -> list[Any]:
        return [*self._designed, *(slider for rows in self._rows for slider in rows.sliders.values())]

    def _fillSelector(self) -> None:
        index = next((n for n, each in enumerate(self._results) if each is self._state.result), -1)
        fillCombo(self._ui.resultSelector, resultNames(self._context, self._results), index)

    def _showSettings(self) -> None:
        """Bring the widgets in line with the settings in use."""
        ui, result = self._ui, self._state.result
        method, settings, detection = result.detection.method, result.settings, result.detection
        self._offers = method.offers(detection.case, detection.answer, result.case.settings)
        offers = {name: offer for name, offer in self._offers.items() if designedKnob(method, name) is not None}
        self._showGuidance(offers.get("guidance"))
        self._showThreshold(offers.get("threshold"))
        self._scaling.show(offers.get("scaling"), result.case.model.used)
        self._showMinimumSize(offers.get("minimum_size"))
        ungated = designedKnob(method, "ungated") is not None
        ui.ungated.visible = ungated
        with quiet(ui.ungated):
            ui.ungated.checked = ungated and settings.ungated
        ui.asCalibratedButton.enabled = result.case.calibration is not None
        texts = {knob.name: knob.entry(getattr(settings, knob.name)) for knob in method.knobs if knob.live}
        for rows in self._rows:
            if rows.make(method):
                for name, slider in rows.sliders.items():
                    self._follow(slider, lambda value, name=name: self._moved(name, value))
            rows.show(texts, self._offers)
        ui.moreSettingsGroup.visible = bool(self._rows[1].rows)
        self._inUse = {slider: slider.value for slider in self._sliders}

    def _showGuidance(self, offer: Offer | None) -> None:
        slider = self._ui.resultGuidance
        slider.visible = offer is not None
        self._ui.resultGuidanceLabel.visible = offer is not None
        if offer is not None and offer.scale is not None:
            setSlider(slider, offer.scale.low, offer.scale.high, offer.value)

    def _showMinimumSize(self, offer: Offer | None) -> None:
        ui = self._ui
        for widget in (ui.minimumSize, ui.minimumSizeLabel):
            widget.visible = offer is not None
        with quiet(ui.minimumSize):
            ui.minimumSize.value = offer.value if offer is not None else 0.0
        ui.minimumSizeNote.text = offer.note if offer is not None else ""
        for widget in (ui.minimumSizeNote, ui.minimumSizeSpace):
            widget.visible = offer is not None and bool(offer.note)

    def _showThreshold(self, offer: Offer | None) -> None:
        ui, slider = self._ui, self._ui.thresholdValue
        manual = offer is not None and offer.kind in offer.scales
        for widget in (ui.thresholdLabel, ui.thresholdSelector):
            widget.visible = offer is not None
        for widget in (slider, ui.thresholdValueLabel):
            widget.visible = manual
        if offer is not None:
            fillCombo(ui.thresholdSelector, list(offer.kinds.values()), list(offer.kinds).index(offer.kind))
        if manual:
            scale = offer.scales[offer.kind]
            setSliderScale(slider, scale.low, scale.high, scale.decimals or 0, offer.value)

    def _showSummary(self) -> None:
        result = self._state.result
        if result is None:
            return
        findings = result.detection.findings
        self._ui.summaryLabel.text = findings["summary"]
        warnings = findings["warnings"]
        self._ui.warningsLabel.text = "\n".join(f"⚠ {warning}" for warning in warnings)
        self._ui.warningsLabel.visible = bool(warnings)

    def _moved(self, name: str, value: Any) -> Any:
        """The settings with one option moved."""
        result = self._state.result
        return result.detection.method.moved(result.case, result.settings, name, value)

    def _chooseKnob(self, knob: Knob, text: str) -> None:
        settings = self._state.result.settings
        with waiting():
            settings = self._moved(knob.name, knob.chosen(text))
        self._release(settings)

    def _withGuidance(self, value: float) -> Any:
        return self._moved("guidance", nearest(value, self._offers["guidance"].only))

    def _withThreshold(self, value: float) -> Any:
        return self._thresholdOf(self._offers["threshold"].kind, value)

    def _thresholdOf(self, kind: str, number: float | None) -> Any:
        knob = designedKnob(self._state.result.detection.method, "threshold")
        assert knob is not None
        return self._moved("threshold", knob.value(kind if number is None else f"{kind}={number!r}"))

    def _withMinimumSize(self, value: float) -> Any:
        knob = designedKnob(self._state.result.detection.method, "minimum_size")
        assert knob is not None
        return self._moved("minimum_size", knob.value(f"{value!r}mm3"))

    def _withScaling(self, number: int, value: float) -> Any:
        scaling = list(self._offers["scaling"].value)
        scaling[number] = value
        return self._moved("scaling", tuple(scaling))

    def _chooseThreshold(self, index: int) -> None:
        offer = self._offers["threshold"]
        kind = list(offer.kinds)[index]
        self._release(self._thresholdOf(kind, offer.starts.get(kind)))

    def _asCalibrated(self) -> None:
        self._release(self._state.result.detection.method.settings_type())

    def _resetScaling(self) -> None:
        self._release(self._moved("scaling", None))

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
