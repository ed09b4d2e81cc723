"""The results in the scene: which is shown, and what there is to know of it."""

from __future__ import annotations

from typing import Any

import slicer.util
from slicer.i18n import tr as _

from ..mrml.result import Result
from ..mrml.result_display import ResultDisplay
from .result_names import resultNames
from .services import PanelServices
from .state import PanelState
from .widgets import fillCombo, waiting


class ResultSection:
    """Finds them, also after the user has removed some elsewhere in Slicer; everything below it needs one."""

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
        ui.resultSelector.connect("currentIndexChanged(int)", self._choose)
        ui.showResultButton.connect("clicked()", self._show)
        ui.removeResultButton.connect("clicked()", self._remove)
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
        self._ui.resultArea.visible = result is not None
        self._ui.resultGroup.visible = result is not None
        self._parts = self._partsOf(result) if result is not None else ()
        if result is None:
            return
        with waiting():
            self._showSummary()

    def _fillSelector(self) -> None:
        index = next((n for n, each in enumerate(self._results) if each is self._state.result), -1)
        fillCombo(self._ui.resultSelector, resultNames(self._context, self._results), index)

    def _showSummary(self) -> None:
        result = self._state.result
        if result is None:
            return
        findings = result.detection.findings
        self._ui.summaryLabel.text = findings["summary"]
        warnings = findings["warnings"]
        self._ui.allWarningsLabel.text = "\n".join(f"⚠ {warning}" for warning in warnings)
        self._ui.allWarningsLabel.visible = bool(warnings)
        self._ui.warningsLabel.text = _firstOf(warnings)
        self._ui.warningsLabel.visible = bool(warnings)


def _firstOf(warnings: list[str]) -> str:
    """What fits beside the findings; *About the result* has all of them."""
    if len(warnings) < 2:
        return "".join(f"⚠ {warning}" for warning in warnings)
    text = _("⚠ {first} ({count} more under Advanced, About the result)")
    return text.format(first=warnings[0], count=len(warnings) - 1)
