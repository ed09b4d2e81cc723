"""Follow-up: the shown result compared with an earlier one of the scene; a table of changes, with jump."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ctk
import qt
from slicer.i18n import tr as _

from anofpdm.app.worker.events import Cancelled, Event, Failed, Finished
from anofpdm.app.worker.follow_up_run import FollowUpRun

from ..mrml.result import Result
from ..mrml.slice_views import centreSliceViews
from .result_names import resultNames
from .run_controller import RunController
from .run_section import RunSection
from .services import PanelServices
from .state import PanelState
from .tables import cell, fillTable, prepareTable
from .widgets import fillCombo, narrowCombo, note, sayNote, sideBySide, waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PLACE = 1


class FollowUpSection:
    """There once the scene has another result to compare with, collapsed until it is asked for.

    Its table belongs to the shown result, and goes with it.
    """

    def __init__(
        self, layout: Any, services: PanelServices, state: PanelState, controller: RunController, view: RunSection
    ) -> None:
        """`layout`: of the panel, before whose closing space the section is put; `view`: where progress is shown."""
        self._services = services
        self._state = state
        self._controller = controller
        self._view = view
        self._run: FollowUpRun | None = None
        self._comparedWith: Any = None
        """The node of the result that the run, or the table, is of."""
        self._earlier: list[Result] = []
        self._changes: list[dict[str, Any]] = []
        self.group = ctk.ctkCollapsibleButton()
        self.group.text = _("Follow-up")
        self.group.collapsed = True
        inside = qt.QVBoxLayout(self.group)
        self.earlierCombo = narrowCombo()
        self.earlierCombo.toolTip = _("The result of the earlier examination of this patient.")
        self.compareButton = qt.QPushButton()
        self.compareButton.text = _("Compare")
        self.compareButton.toolTip = _("Lay the shown examination over the earlier one and compare what was found.")
        self.compareButton.connect("clicked()", self.start)
        inside.addWidget(sideBySide(self.earlierCombo, self.compareButton))
        self.summaryLabel = note()
        self.summaryLabel.wordWrap = True
        inside.addWidget(self.summaryLabel)
        self.table = qt.QTableWidget()
        self.table.connect("cellClicked(int,int)", self._jump)
        self.table.connect("currentCellChanged(int,int,int,int)", self._jump)
        prepareTable(
            self.table,
            [
                (
                    _("Change"),
                    _("What became of the finding; what is uncertain says why. *: the images tell it, not the method."),
                ),
                (_("Place"), _("The patient's side, and where in the head it lies.")),
                (_("Before"), _("Volume in the earlier examination, in milliliters.")),
                (_("Now"), _("Volume in the shown one, in milliliters.")),
                (_("±"), _("What the voxels of both leave open of the change, in milliliters.")),
            ],
            widest=_PLACE,
        )
        inside.addWidget(self.table)
        self.reasonLabel = note()
        self.reasonLabel.wordWrap = True
        inside.addWidget(self.reasonLabel)
        layout.insertWidget(layout.count() - 1, self.group)
        self._words: dict[str, str] = {
            "new": _("new"),
            "grown": _("grown"),
            "unchanged": _("unchanged"),
            "shrunk": _("shrunk"),
            "gone": _("gone"),
            "merged": _("merged"),
            "split": _("split"),
            "uncertain": _("uncertain"),
        }
        self._reasons: dict[str, str] = {
            "not examined": _("The other examination did not examine this place."),
            "small": _("It is no larger than what the voxels leave open."),
            "borderline": _("The other examination nearly marks it, too."),
            "image unchanged": _("It stands out in the other image as well."),
        }
        self._byImages = _("The comparison of the images tells it, not the method.")
        state.resultChanged.connect(self.refresh)
        state.busyChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """The other results of the scene; a table of another result goes."""
        shown = self._state.result
        if self._changes and (shown is None or shown.node is not self._comparedWith):
            self._fill([], "")
        chosen = self.earlierCombo.currentIndex
        before = [result.node for result in self._earlier]
        everything = Result.all(self._services.context)
        names = resultNames(self._services.context, everything)
        pairs = [
            (result, name)
            for result, name in zip(everything, names, strict=True)
            if shown is not None and result.node is not shown.node
        ]
        self._earlier = [result for result, _name in pairs]
        nodes = [result.node for result in self._earlier]
        kept = before[chosen] if 0 <= chosen < len(before) else None
        fillCombo(self.earlierCombo, [name for _result, name in pairs], nodes.index(kept) if kept in nodes else 0)
        possible = bool(self._earlier)
        self.group.visible = possible
        self.compareButton.enabled = possible and not self._state.busy

    def start(self) -> None:
        """Compare in a worker."""
        later, index = self._state.result, self.earlierCombo.currentIndex
        if later is None or self._state.busy or not 0 <= index < len(self._earlier):
            return
        earlier = self._earlier[index]
        with waiting():
            run = FollowUpRun(self._services.command)
            run.start(_writer(earlier), _writer(later))
            self._fill([], "")
            self._run, self._comparedWith = run, later.node
            self._controller.follow(run, self._hear)
            self._state.setBusy(True)
            self._view.begin(run.log, _("Comparing..."))

    def abandon(self) -> None:
        """The scene is about to be emptied."""
        run, self._run = self._run, None
        if run is not None:
            self._controller.abandon()
            self._state.setBusy(False)
            self._view.end("")
        self._comparedWith = None
        self._fill([], "")

    def _hear(self, event: Event) -> None:
        if isinstance(event, Finished):
            self._finish()
        elif isinstance(event, Failed):
            self._end(event.sentence, failed=True)
        elif isinstance(event, Cancelled):
            self._end(_("Cancelled; nothing was changed."))
        else:
            self._view.show(event)

    def _finish(self) -> None:
        document: dict[str, Any] | None = None
        with waiting():
            assert self._run is not None
            document = self._run.document()
        self._end(_("Done.") if document is not None else "")
        shown = self._state.result
        if document is not None and shown is not None and shown.node is self._comparedWith:
            self._fill(document["changes"], document["summary"])

    def _end(self, text: str, *, failed: bool = False) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.close()
        self._state.setBusy(False)
        self._view.end(text, failed=failed)

    def _fill(self, changes: list[dict[str, Any]], summary: str) -> None:
        self._changes = changes
        sayNote(self.summaryLabel, summary)
        sayNote(self.reasonLabel, "")
        self.table.visible = bool(changes)
        fillTable(self.table, [self._items(change) for change in changes])

    def _items(self, change: dict[str, Any]) -> list[Any]:
        word = self._words[change["kind"]]
        kind = cell(f"{word} *" if change["seen_by"] == "images" else word)
        kind.setToolTip(self._note(change))
        texts = [
            change["place"] or "",
            f"{change['baseline_ml']:.2f}" if change["baseline_findings"] or change["baseline_ml"] else "–",
            f"{change['later_ml']:.2f}" if change["later_findings"] or change["later_ml"] else "–",
            f"{change['tolerance_ml']:.2f}",
        ]
        return [kind, *[cell(text) for text in texts]]

    def _note(self, change: dict[str, Any]) -> str:
        """Why it is uncertain, or that the images tell it."""
        return self._byImages if change["seen_by"] == "images" else self._reasons.get(change["reason"], "")

    def _jump(self, row: int) -> None:
        shown = self._state.result
        if shown is not None and 0 <= row < len(self._changes):
            sayNote(self.reasonLabel, self._note(self._changes[row]))
            r, a, s = self._changes[row]["center_later_ras_mm"]
            centreSliceViews(self._services.context, shown.toWorld((r, a, s)))


def _writer(result: Result) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        from anofpdm.results.case_storage import save_evidence

        save_evidence(path, result.detection.case)

    return write
