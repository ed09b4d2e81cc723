"""The whole panel: loads its widgets, makes its sections, and follows the scene."""

from __future__ import annotations

from typing import Any

import slicer.util
import vtk

from ..mrml.observers import Observers
from ..mrml.result_display import ResultDisplay
from .calibrate_action import CalibrateAction
from .calibration_section import CalibrationSection
from .detect_action import DetectAction
from .detection_section import DetectionSection
from .display_section import DisplaySection
from .export_section import ExportSection
from .findings_section import FindingsSection
from .follow_up_section import FollowUpSection
from .gate_section import GateSection
from .height_keeper import HeightKeeper
from .inputs_section import InputsSection
from .model_section import ModelSection
from .result_place import ResultPlace
from .result_section import ResultSection
from .run_controller import RunController
from .run_section import RunSection
from .services import PanelServices
from .settings_section import SettingsSection
from .slices_section import SlicesSection
from .state import PanelState
from .torch_action import TorchAction
from .widgets import Later, takeTypedValuesWhole

_PARAMETER = "SlicerParameterName"


class Panel:
    """Made once; shown and hidden with `enter` and `exit`."""

    def __init__(self, parent: Any, services: PanelServices, uiPath: str) -> None:
        self._services = services
        self.widget = slicer.util.loadUI(uiPath)
        self._parent = parent
        parent.layout().addWidget(self.widget)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        takeTypedValuesWhole(self.widget)
        self._height = HeightKeeper(parent, self.widget)
        self.state = PanelState()
        self._entered = False
        # Later: widgets and parameters are in step only once everybody has heard of a change.
        self._changed = Later(self._parametersChanged)
        self._imported = Later(self._connect)
        self._importing = False
        """Whether a scene was read since the parameters were connected."""
        self._guiTag: int | None = None
        self._observers = Observers()
        self._sceneObservers = Observers()
        self._display = ResultDisplay(
            services.context, onChange=lambda: self._viewsChanged.ask(), onMove=lambda: self._moved.ask()
        )
        self._makeSections()
        self._moved = Later(self._resultMoved)
        self._viewsChanged = Later(self._place.refresh)
        self._removed = Later(self._results.refresh)
        self._connectScene()

    def _makeSections(self) -> None:
        ui, services, state, display = self.ui, self._services, self.state, self._display
        controller = RunController()
        self._inputs = InputsSection(ui, services, state)
        self._model = ModelSection(ui, services, state)
        self._detection = DetectionSection(ui, services, state)
        self._results = ResultSection(ui, services, state, display)
        self._settings = SettingsSection(ui, state)
        self._gate = GateSection(ui.resultArea.layout(), state, self._settings, display)
        self._torch = TorchAction(services, controller)
        self._detect = DetectAction(
            services,
            state,
            controller,
            self._inputs,
            self._model,
            self._detection,
            self._results,
            display,
            self._torch,
        )
        self._calibrate = CalibrateAction(services, state, controller, self._model, self._torch)
        self._calibration = CalibrationSection(ui, state, self._calibrate.start)
        self._run = RunSection(ui, state, controller, self._detect.start, self._detect.startEverywhere)
        self._torch.shownBy(self._run)
        self._detect.shownBy(self._run)
        self._calibrate.shownBy(self._run)
        self._followUp = FollowUpSection(self.widget.layout(), services, state, controller, self._run)
        self._displaySection = DisplaySection(ui, state, display)
        self._place = ResultPlace(ui, services, state, display)
        self._findings = FindingsSection(ui, state, self._settings, display)
        self._slices = SlicesSection(ui, services, state, display)
        self._export = ExportSection(ui, services, state, display)

    def _connectScene(self) -> None:
        # Hands the scene to all selectors inside, as the .ui file says.
        scene = self._services.context.scene
        self.widget.setMRMLScene(scene)
        # Also while another module is shown: patients are deleted there.
        self._sceneObservers.add(scene, scene.NodeRemovedEvent, self._removed.ask)
        self._display.watch()

    def enter(self) -> None:
        """The panel is shown: connect it to the parameters of the scene."""
        self._entered = True
        self._height.start()
        self._connect()

    def exit(self) -> None:
        """The panel is hidden."""
        self._entered = False
        self._height.stop()
        self._disconnect()

    def onSceneStartClose(self) -> None:
        """The scene is about to be emptied: a run has lost its place."""
        self._followUp.abandon()
        self._detect.abandon()
        self._disconnect()
        self.state.setResult(None)
        self._unwatch()

    def onSceneEndClose(self) -> None:
        """The scene is empty."""
        self._display.watch()
        if self._entered:
            self._connect()

    def onSceneStartImport(self) -> None:
        """A scene is about to be read: the selectors are emptied for it, and the parameters are replaced."""
        self._importing = True
        self._disconnect()

    def onSceneEndImport(self) -> None:
        """Something was loaded, perhaps with parameters and results."""
        if self._entered:
            # Once the selectors have filled themselves anew.
            self._imported.ask()

    def cleanup(self) -> None:
        """The application ends, or the module is loaded again: end the worker, let go of the scene."""
        self._height.stop()
        self._torch.abandon()
        self._followUp.abandon()
        self._detect.abandon()
        self._disconnect()
        self.state.setResult(None)
        self._sceneObservers.clear()
        self._removed.forget()
        self._unwatch()
        self.widget.setMRMLScene(None)
        # Or else each reload would leave a panel, out of sight, with everything that its widgets call.
        self.widget.hide()
        self._parent.layout().removeWidget(self.widget)
        self.widget.deleteLater()

    def _unwatch(self) -> None:
        self._display.unwatch()
        self._viewsChanged.forget()
        self._moved.forget()

    def _connect(self) -> None:
        self._disconnect()
        # First of all, so that the selectors offer what the parameters name.
        self._inputs.hideOurs()
        parameters = self._services.parameters()
        parameters.adoptEarlier()
        self._guiTag = parameters.connectParametersToGui(self._parameterWidgets())
        self._observers.add(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self._changed.ask)
        self.state.parameters = parameters
        if self._importing:
            self._importing = False
            self._inputs.restore()
        self._model.reload()
        self._results.reload()
        self._inputs.guess()
        self._slices.watch()
        self._parametersChanged()
        self.state.readinessChanged()

    def _disconnect(self) -> None:
        self._changed.forget()
        self._imported.forget()
        self._inputs.unwatch()
        self._slices.unwatch()
        self._observers.clear()
        parameters, self.state.parameters = self.state.parameters, None
        if parameters is not None:
            parameters.disconnectGui(self._guiTag)

    def _resultMoved(self) -> None:
        if self.state.result is not None and self.state.result.heatmapNode is not None:
            self.state.resultMoved()

    def _parametersChanged(self) -> None:
        self._detection.showVolume(next(iter(self._inputs.inputs().values()), None))
        self.state.parametersChanged()

    def _parameterWidgets(self) -> dict[str, Any]:
        """By the name of the parameter that the .ui file gives each."""
        widgets = {widget.property(_PARAMETER): widget for widget in vars(self.ui).values()}
        return {name: widget for name, widget in widgets.items() if name}
