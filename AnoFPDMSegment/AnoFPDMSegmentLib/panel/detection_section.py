"""Detection: preset with its expected time, the method's other options and the device of the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from anofpdm.app.engine_words import without_dashes
from anofpdm.app.knob_choices import read_choices, with_choice

from .detection_options import PlannedRun, plannedRun
from .knob_rows import KnobRows
from .services import PanelServices
from .state import PanelState
from .widgets import fillCombo, quiet

if TYPE_CHECKING:
    from anofpdm.methods.offers import Preset

DEVICES = ("auto", "cpu", "cuda", "mps")


class DetectionSection:
    """What the next run does; everything is kept in the parameters."""

    def __init__(self, ui: Any, services: PanelServices, state: PanelState) -> None:
        self._ui = ui
        self._services = services
        self._state = state
        self._updating = False
        self._volume: Any = None
        devices = [_("Automatic"), _("Processor (CPU)"), _("Graphics card (CUDA)"), _("Apple GPU (MPS)")]
        fillCombo(ui.deviceSelector, devices, 0)
        ui.deviceSelector.connect("currentIndexChanged(int)", lambda i: self._set("device", DEVICES[i]))
        ui.presetSelector.connect("currentIndexChanged(int)", self._choosePreset)
        self._rows = KnobRows(ui.basicRunKnobs, ui.advancedRunKnobs, self._chooseKnob, live=False)
        state.modelChanged.connect(self._showModel)
        state.parametersChanged.connect(self._show)

    @property
    def rows(self) -> dict[str, Any]:
        """Of the method's options, by name."""
        return self._rows.rows

    def planned(self) -> PlannedRun:
        """The next run. Only where there is a sound model."""
        assert self._state.model is not None and self._state.parameters is not None
        return plannedRun(self._state.model, self._state.parameters)

    def showVolume(self, volumeNode: Any) -> None:
        """The volume whose time is foretold; None: no volume."""
        self._volume = volumeNode
        self._showTimes()

    def remember(self, planned: PlannedRun, seconds: float, slices: int) -> None:
        """A run has taken this long for the stack's slices."""
        model = self._state.model
        if model is not None:
            key = (planned.options.device, model.name, planned.speedKey)
            self._services.speeds.remember(*key, seconds=seconds, slices=slices)
        self._showTimes()

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
        preset, model = self._state.preset, self._state.model
        for widget in (self._ui.runGroup, self._ui.presetLabel, self._ui.presetSelector):
            widget.visible = preset is not None
        if preset is None:
            self._ui.presetSelector.clear()
            return
        self._rows.make(model.method, model.used)
        self._show()

    def _show(self) -> None:
        """Bring the widgets in line with the parameters."""
        preset, parameters = self._state.preset, self._state.parameters
        if preset is None or parameters is None or self._updating:
            return
        self._updating = True
        try:
            planned = self.planned()
            chosen = read_choices(parameters.knobs).get(self._state.model.method.name, {})
            self._rows.show(chosen, planned.plan.offers)
            with quiet(self._ui.deviceSelector):
                self._ui.deviceSelector.setCurrentIndex(_index(DEVICES, parameters.device))
            self._ui.detectionNoteLabel.text = planned.note
            self._ui.detectionNoteLabel.visible = bool(planned.note)
            self._state.setSettingsProblem("options", without_dashes(planned.problem))
            self._showTimes()
        finally:
            self._updating = False

    def _showTimes(self) -> None:
        """How long the presets take in the selected volume, as far as runs on this computer have measured it."""
        preset, model = self._state.preset, self._state.model
        if preset is None or model is None:
            return
        titles = [self._titleOf(each) for each in model.presets]
        fillCombo(self._ui.presetSelector, titles, model.presets.index(preset))
        slices, time = slices_of_stack(model, self._volume), self._timeOf(preset)
        if self._volume is None:
            text = _("How long it takes is known once a volume is selected.")
        elif time:
            text = _("About {time} for {slices} slices.").format(time=time, slices=slices)
        else:
            text = _("{slices} slices; how long they take is known after a first run.").format(slices=slices)
        self._ui.expectedTimeLabel.text = text
        self._ui.presetSelector.toolTip = f"{preset.about}\n{text}" if preset.about else text

    def _titleOf(self, preset: Preset) -> str:
        title, time = preset.title or _("Standard"), self._timeOf(preset)
        return _("{preset} (about {time})").format(preset=title, time=time) if time else title

    def _timeOf(self, preset: Preset) -> str:
        """Empty where it is not known."""
        from anofpdm.core.reporting import format_seconds

        model, parameters = self._state.model, self._state.parameters
        assert model is not None and parameters is not None
        planned = plannedRun(model, parameters, preset)
        perSlice = self._services.speeds.seconds_per_slice(planned.options.device, model.name, planned.speedKey)
        slices = slices_of_stack(model, self._volume)
        return format_seconds(perSlice * slices) if perSlice is not None and slices else ""


def slices_of_stack(model: Any, volumeNode: Any) -> int:
    """How many slices the model lays over a volume node; 0 where that is not known."""
    import vtk

    from anofpdm.core.errors import AnoFPDMError

    image = volumeNode.GetImageData() if volumeNode is not None else None
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
