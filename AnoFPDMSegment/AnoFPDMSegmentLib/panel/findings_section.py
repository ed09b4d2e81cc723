"""Findings: the table of components, with jump, accept and reject."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from ..mrml.result_display import ResultDisplay
from .result_section import ResultSection
from .state import PanelState
from .tables import cell, fillTable, prepareTable
from .widgets import quiet, waiting

_ACCEPTED = 0


class FindingsSection:
    """A row for each component, largest first; its check mark says whether it is in the segmentation."""

    def __init__(self, ui: Any, state: PanelState, results: ResultSection, display: ResultDisplay) -> None:
        self._ui = ui
        self._state = state
        self._display = display
        self._results = results
        prepareTable(
            ui.findingsTable,
            [
                (_("Accepted"), _("Uncheck a finding to take it out of the segmentation.")),
                (_("Level"), _("Superior coordinate of the center, in mm.")),
                (_("Side"), _("The patient's side.")),
                (_("mL"), _("Volume in milliliters.")),
                (_("mm"), _("Longest diameter in millimeters.")),
                (_("Mean"), _("Mean score; 1 is the border of the segmentation.")),
                (_("Peak"), _("Largest score.")),
            ],
            widest=2,
        )
        self._sides = {"left": _("left"), "right": _("right"), "midline": _("midline"), None: _("unknown")}
        ui.findingsTable.connect("cellClicked(int,int)", self._jump)
        ui.findingsTable.connect("currentCellChanged(int,int,int,int)", self._jump)
        ui.findingsTable.connect("cellChanged(int,int)", self._review)
        ui.acceptAllButton.connect("clicked()", lambda: self._reviewAll(True))
        ui.rejectAllButton.connect("clicked()", lambda: self._reviewAll(False))
        state.resultChanged.connect(self._show)
        state.resultUpdated.connect(self._show)
        state.resultMoved.connect(self._show)

    def _show(self) -> None:
        result, table = self._state.result, self._ui.findingsTable
        self._ui.findingsSection.visible = result is not None
        if result is None:
            return
        components, accepted = result.detection.findings["components"], result.accepted
        row = table.currentRow()
        fillTable(table, [self._items(component, kept) for component, kept in zip(components, accepted, strict=True)])
        if row >= len(components):
            with quiet(table):
                table.setCurrentCell(-1, -1)
        kept = [component for component, each in zip(components, accepted, strict=True) if each]
        text = _("{accepted} of {all} findings accepted, {volume:.2f} mL")
        volume = sum(component["volume_ml"] for component in kept)
        self._ui.findingsTotalLabel.text = text.format(accepted=len(kept), all=len(components), volume=volume)
        self._ui.acceptAllButton.enabled = len(kept) < len(components)
        self._ui.rejectAllButton.enabled = bool(kept)

    def _items(self, component: dict[str, Any], accepted: bool) -> list[Any]:
        check = cell(str(component["number"]))
        check.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
        check.setCheckState(qt.Qt.Checked if accepted else qt.Qt.Unchecked)
        texts = [
            f"S {self._state.result.toWorld(tuple(component['centroid_ras_mm']))[2]:+.1f}",
            self._sides[component["side"]],
            f"{component['volume_ml']:.2f}",
            f"{component['longest_diameter_mm']:.1f}",
            f"{component['mean_score']:.2f}",
            f"{component['peak_score']:.2f}",
        ]
        items = [check, *[cell(text) for text in texts]]
        if not accepted:
            for item in items:
                item.setForeground(qt.QBrush(qt.QColor(128, 128, 128)))
        return items

    def _jump(self, row: int) -> None:
        if self._state.result is not None and 0 <= row < len(self._state.result.detection.components):
            self._display.centreOn(row + 1)

    def _review(self, row: int, column: int) -> None:
        if column == _ACCEPTED:
            checked = self._ui.findingsTable.item(row, column).checkState() == qt.Qt.Checked
            if checked != self._state.result.accepted[row]:
                self._setAccepted([row + 1], checked)

    def _reviewAll(self, accepted: bool) -> None:
        self._setAccepted([n for n, each in enumerate(self._state.result.accepted, 1) if each != accepted], accepted)

    def _setAccepted(self, numbers: list[int], accepted: bool) -> None:
        with waiting():
            for number in numbers:
                self._state.result.setAccepted(number, accepted, self._results.onEdited)
        self._state.resultUpdated()
