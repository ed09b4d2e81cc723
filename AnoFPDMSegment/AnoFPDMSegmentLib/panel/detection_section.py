"""Detection: preset, guidance strength, the method's other options and device of the next run."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from anofpdm.app.engine_words import without_dashes
from anofpdm.app.knob_choices import read_choices, with_choice

from .detection_options import PlannedRun, plannedRun
from .knob_rows import KnobRows, designedKnob
from .services import PanelServices
from .state import PanelState
from .widgets import fillCombo, nearest, quiet, setSlider

DEVICES = ("auto", "cpu", "cuda", "mps")


class DetectionSection:
    """What the next run does; everything is kept in the parameters."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState) -> None:
        self._ui = ui
        self._services = services
        self._state = state
        self._updating = False
        self._volume: Any = None
        self._knownModel = ""
        devices = [_("Automatic"), _("Processor (CPU)"), _("Graphics card (CUDA)"), _("Apple GPU (MPS)")]
        fillCombo(ui.deviceSelector, devices, 0)
        ui.deviceSelector.connect("currentIndexChanged(int)", lambda i: self._set("device", DEVICES[i]))
        ui.presetSelector.connect("currentIndexChanged(int)", self._choosePreset)
        self._basic = KnobRows(ui.detectionKnobs, self._chooseKnob, live=False, advanced=False)
        self._advanced = KnobRows(ui.advancedKnobs, self._chooseKnob, live=False, advanced=True)
        state.modelChanged.connect(self._showModel)
        state.parametersChanged.connect(self._show)

    @property
    def rows(self) -> dict[str, Any]:
        """Of the method's options, by name."""
        return {**self._basic.rows, **self._advanced.rows}

    def planned(self) -> PlannedRun:
        """The next run. Only where there is a sound model."""
        assert self._state.model is not None and self._state.parameters is not None
        return plannedRun(self._state.model, self._state.parameters)

    def showVolume(self, volumeNode: Any) -> None:
        """The volume whose time is foretold; None: no volume."""
        self._volume = volumeNode
        self._showTime()

    def remember(self, planned: PlannedRun, seconds: float, slices: int) -> None:
        """A run has taken this long for the stack's slices."""
        model = self._state.model
        if model is not None:
            key = (planned.options.device, model.name, planned.speedKey)
            self._services.speeds.remember(*key, seconds=seconds, slices=slices)
        self._showTime()

    def _set(self, name: str, value: Any) -> None:
        if self._state.parameters is not None:
            setattr(self._state.parameters, name, value)

    def _chooseKnob(self, knob: Any, text: str) -> None:
        model, parameters = self._state.model, self._state.parameters
        if model is not None and model.method is not None and parameters is not None:
            parameters.knobs = with_choice(parameters.knobs, model.method.name, knob.name, text)

    def _choosePreset(self, index: int) -> None:
        model = self._state.model
        if model is not None and 0 <= index < len(model.presets):
            self._set("preset", model.presets[index].name)

    def _showModel(self) -> None:
        preset = self._state.preset
        usable = preset is not None
        self._ui.detectionSection.enabled = usable
        if preset is None:
            return
        model = self._state.model
        fillCombo(self._ui.presetSelector, [each.title for each in model.presets], model.presets.index(preset))
        for widget in (self._ui.presetLabel, self._ui.presetSelector):
            widget.visible = any(each.title for each in model.presets)
        guided = designedKnob(model.method, "guidance") is not None
        ui = self._ui
        for widget in (ui.guidanceLabel, ui.useCalibratedGuidance, ui.guidanceSpace, ui.guidance):
            widget.visible = guided
        self._basic.make(model.method)
        self._advanced.make(model.method)
        known, self._knownModel = self._knownModel, model.name
        offer = preset.plan({}).offers.get("guidance") if guided and known != model.name else None
        if offer is not None and offer.value is None and self._state.parameters.useCalibratedGuidance:
            # What is there belongs to another model.
            self._state.parameters.guidance = offer.start or 0.0
        self._show()

    def _show(self) -> None:
        """Bring the widgets in line with the parameters, and the calibrated values into them."""
        preset, parameters = self._state.preset, self._state.parameters
        if preset is None or parameters is None or self._updating:
            return
        self._updating = True
        try:
            planned = self.planned()
            self._showGuidance(planned)
            method = self._state.model.method
            chosen = read_choices(parameters.knobs).get(method.name, {})
            for rows in (self._basic, self._advanced):
                rows.show(chosen, planned.plan.offers)
            with quiet(self._ui.deviceSelector):
                self._ui.deviceSelector.setCurrentIndex(_index(DEVICES, parameters.device))
            with quiet(self._ui.presetSelector):
                self._ui.presetSelector.setCurrentIndex(self._state.model.presets.index(preset))
            self._ui.detectionNoteLabel.text = planned.note
            self._ui.detectionNoteLabel.visible = bool(planned.note)
            self._state.setSettingsProblem("options", without_dashes(planned.problem))
            self._showTime()
        finally:
            self._updating = False

    def _showGuidance(self, planned: PlannedRun) -> None:
        parameters, slider = self._state.parameters, self._ui.guidance
        offer = planned.plan.offers.get("guidance")
        if offer is None or offer.scale is None:
            return
        low, high, calibrated = offer.scale.low, offer.scale.high, offer.value
        check = self._ui.useCalibratedGuidance
        check.enabled = calibrated is not None
        if calibrated is None:
            check.text = _("As calibrated (there is no calibration for this)")
        else:
            check.text = _("As calibrated ({value:g})").format(value=calibrated)
        byHand = calibrated is None or not parameters.useCalibratedGuidance
        wanted = parameters.guidance if byHand else calibrated
        wanted = nearest(min(max(wanted, low), high), offer.only)
        setSlider(slider, low, high, wanted)
        slider.enabled = byHand
        if parameters.guidance != wanted:
            parameters.guidance = wanted

    def _showTime(self) -> None:
        label = self._ui.expectedTimeLabel
        if self._state.preset is None or self._volume is None:
            label.text = _("unknown until a volume is selected")
            return
        from anofpdm.core.reporting import format_seconds

        planned, model = self.planned(), self._state.model
        perSlice = self._services.speeds.seconds_per_slice(planned.options.device, model.name, planned.speedKey)
        slices = slices_of_stack(model, self._volume)
        if perSlice is None or not slices:
            text = _("{slices} slices; unknown until a first run has measured it")
            label.text = text.format(slices=slices)
            return
        text = _("about {time} for {slices} slices")
        label.text = text.format(time=format_seconds(perSlice * slices), slices=slices)


def slices_of_stack(model: Any, volumeNode: Any) -> int:
    """How many slices the model lays over a volume node; 0 where that is not known."""
    import vtk

    from anofpdm.core.errors import AnoFPDMError

    image = volumeNode.GetImageData()
    if image is None:
        return 0
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    rows = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
    try:
        return int(model.slices_of_stack(image.GetDimensions(), rows))
    except AnoFPDMError:
        return 0


def _index(choices: tuple[str, ...], value: str) -> int:
    return choices.index(value) if value in choices else 0
