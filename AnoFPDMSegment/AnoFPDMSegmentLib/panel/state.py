"""What the sections of the panel have in common, and word of its changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from anofpdm.app.model_catalog.catalog_model import CatalogModel
    from anofpdm.methods.offers import Preset

    from ..mrml.result import Result
    from ..parameters import AnoFPDMParameters


class Announcement:
    """Calls everybody who wants to know."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def connect(self, listener: Callable[[], None]) -> None:
        """Call `listener` at every announcement."""
        self._listeners.append(listener)

    def __call__(self) -> None:
        for listener in self._listeners:
            listener()


class PanelState:
    """Sections change it through its methods, so that nobody misses the change."""

    def __init__(self) -> None:
        self.parameters: AnoFPDMParameters | None = None
        """None while the panel is not shown."""
        self.model: CatalogModel | None = None
        self.inputProblems: list[str] = []
        """What keeps the selected inputs from being examined, one sentence each."""
        self._settingsProblems: dict[str, str] = {}
        self._result: Result | None = None
        self.busy = False
        """While a worker runs, or is about to."""
        self.parametersChanged = Announcement()
        self.modelChanged = Announcement()
        self.readinessChanged = Announcement()
        self.resultChanged = Announcement()
        """Another result is shown, or none."""
        self.resultUpdated = Announcement()
        """The shown result follows other settings, or its review has changed."""
        self.resultMoved = Announcement()
        """The shown result came to lie elsewhere: under another transform."""
        self.busyChanged = Announcement()

    @property
    def preset(self) -> Preset | None:
        """The chosen one of the model's presets."""
        if self.model is None or self.model.error or self.parameters is None:
            return None
        return self.model.preset(self.parameters.preset)

    @property
    def result(self) -> Result | None:
        """The shown result; none, too, from the moment when the user removes its heatmap, wherever in Slicer."""
        return self._result if self._result is not None and self._result.heatmapNode is not None else None

    def setModel(self, model: CatalogModel | None) -> None:
        """Choose a model."""
        self.model = model
        self.modelChanged()
        self.readinessChanged()

    def setInputProblems(self, problems: list[str]) -> None:
        """Say what is wrong with the inputs."""
        self.inputProblems = problems
        self.readinessChanged()

    @property
    def settingsProblem(self) -> str:
        """What is wrong with the settings of the next run, a sentence; empty if nothing."""
        return next(filter(None, self._settingsProblems.values()), "")

    def setSettingsProblem(self, of: str, problem: str) -> None:
        """Say what is wrong with some of the settings of the next run (`of`)."""
        before = self.settingsProblem
        self._settingsProblems[of] = problem
        if self.settingsProblem != before:
            self.readinessChanged()

    def setResult(self, result: Result | None) -> None:
        """Show a result, or none."""
        self._result = result
        self.resultChanged()

    def setBusy(self, busy: bool) -> None:
        """A worker begins or has ended."""
        self.busy = busy
        self.busyChanged()
        self.readinessChanged()

    def obstacles(self, *, ofInputs: bool = True) -> list[str]:
        """Everything that keeps a run from succeeding, one sentence each; empty if it can start.

        `ofInputs`: also what is wrong with the selected volumes.
        """
        if self.parameters is None:
            return [_("Open the module first.")]
        if self.model is None:
            return [_("Choose a model, or add one.")]
        if self.model.error:
            return [self.model.error]
        inputs = self.inputProblems if ofInputs else []
        return [*inputs, *([self.settingsProblem] if self.settingsProblem else [])]
