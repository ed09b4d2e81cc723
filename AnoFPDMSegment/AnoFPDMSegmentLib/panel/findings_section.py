"""Findings: the table of components, with jump, accept and reject."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from anofpdm.app.findings_tables import place_of_component, review_order

from ..mrml.result_display import ResultDisplay
from .settings_section import SettingsSection
from .state import PanelState
from .tables import cell, fillTable, prepareTable
from .widgets import quiet, waiting

_ACCEPTED, _PLACE = 0, 1


class FindingsSection:
    """A row for each component, the most confident first; its check mark says whether it is in the segmentation."""

    def __init__(self, ui: Any, state: PanelState, settings: SettingsSection, display: ResultDisplay) -> None:
        self._ui = ui
        self._state = state
        self._display = display
        self._settings = settings
        self._order: list[int] = []
        """Of each row the component."""
        self._columns = [
            (_("#"), _("Uncheck a finding to take it out of the segmentation.")),
            (_("Place"), _("The patient's side, and where in the head the center lies.")),
            (_("mL"), _("Volume in milliliters.")),
            (_("mm"), _("Longest diameter in millimeters.")),
        ]
        self._lastColumns = {
            "confidence": (_("Confidence"), _("How many of a hundred healthy heads show no region as strong.")),
            "probability": (_("Probability"), _("Mean calibrated probability of a lesion inside it.")),
            "": (_("Peak"), _("Largest score; 1 is the border of the segmentation.")),
        }
        self._last: str | None = None
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
        if result is None:
            return
        components, accepted = result.detection.findings["components"], result.accepted
        row = table.currentRow()
        self._order = review_order(components)
        self._prepare(components)
        fillTable(table, [self._items(components[index], accepted[index]) for index in self._order])
        if row >= len(components):
            with quiet(table):
                table.setCurrentCell(-1, -1)
        kept = [component for component, each in zip(components, accepted, strict=True) if each]
        withheld = result.detection.case.withheld
        self._ui.findingsTotalLabel.text = _("Findings are withheld.") if withheld else _total(kept, components)
        self._ui.acceptAllButton.enabled = len(kept) < len(components)
        self._ui.rejectAllButton.enabled = bool(kept)

    def _prepare(self, components: list[dict[str, Any]]) -> None:
        """The last column says how sure a finding is, in the best terms that its method has."""
        known = (name for name in ("confidence", "probability") if any(each[name] is not None for each in components))
        # Where nothing is listed nothing need be known, so that the heading does not change with the first findings.
        unknown = "" if components else "confidence" if self._last is None else self._last
        last = next(known, unknown)
        if last != self._last:
            self._last = last
            prepareTable(self._ui.findingsTable, [*self._columns, self._lastColumns[last]], widest=_PLACE)

    def _items(self, component: dict[str, Any], accepted: bool) -> list[Any]:
        check = cell(str(component["number"]))
        check.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
        check.setCheckState(qt.Qt.Checked if accepted else qt.Qt.Unchecked)
        level = self._state.result.toWorld(tuple(component["centroid_ras_mm"]))[2]
        place = cell(place_of_component(component, level))
        place.setToolTip(_("{place}; center at S {level:+.1f} mm").format(place=place.text(), level=level))
        texts = [f"{component['volume_ml']:.2f}", f"{component['longest_diameter_mm']:.1f}", self._certainty(component)]
        items = [check, place, *[cell(text) for text in texts]]
        if not accepted:
            for item in items:
                item.setForeground(qt.QBrush(qt.QColor(128, 128, 128)))
        return items

    def _certainty(self, component: dict[str, Any]) -> str:
        if not self._last:
            return f"{component['peak_score']:.2f}"
        share = component[self._last]
        return "–" if share is None else f"{100 * share:.0f} %"

    def _jump(self, row: int) -> None:
        if self._state.result is not None and 0 <= row < len(self._order):
            self._display.centreOn(self._order[row] + 1)

    def _review(self, row: int, column: int) -> None:
        if column == _ACCEPTED:
            checked = self._ui.findingsTable.item(row, column).checkState() == qt.Qt.Checked
            index = self._order[row]
            if checked != self._state.result.accepted[index]:
                self._setAccepted([index + 1], checked)

    def _reviewAll(self, accepted: bool) -> None:
        self._setAccepted([n for n, each in enumerate(self._state.result.accepted, 1) if each != accepted], accepted)

    def _setAccepted(self, numbers: list[int], accepted: bool) -> None:
        with waiting():
            for number in numbers:
                self._state.result.setAccepted(number, accepted, self._settings.onEdited)
        self._state.resultUpdated()


def _total(kept: list[dict[str, Any]], components: list[dict[str, Any]]) -> str:
    volume = sum(component["volume_ml"] for component in kept)
    if not components:
        return _("Nothing was found.")
    if len(kept) < len(components):
        text = _("{kept} of {all} findings accepted, {volume:.2f} mL")
    else:
        text = _("{all} findings, {volume:.2f} mL") if len(components) > 1 else _("1 finding, {volume:.2f} mL")
    return text.format(kept=len(kept), all=len(components), volume=volume)
