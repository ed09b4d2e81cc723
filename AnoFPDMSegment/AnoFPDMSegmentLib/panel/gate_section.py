"""Whether the model knows images such as the shown result's, and what is withheld where it does not."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from anofpdm.gate.opinion import UNKNOWN_SENTENCE

from ..mrml.result_display import ResultDisplay
from .settings_section import SettingsSection
from .state import PanelState
from .widgets import note, sayNote, stacked, waiting


class GateSection:
    """A line above the findings; with a button where they are withheld."""

    def __init__(self, layout: Any, state: PanelState, settings: SettingsSection, display: ResultDisplay) -> None:
        """`layout`: of the shown result, at whose top the line is put."""
        self._state = state
        self._settings = settings
        self._display = display
        self.line = note()
        self.showAnyway = qt.QPushButton()
        self.showAnyway.text = _("Show anyway")
        self.showAnyway.toolTip = _("Show what was found although the model does not know such images.")
        self.showAnyway.connect("clicked()", self._lift)
        self._box = stacked(self.line, self.showAnyway)
        layout.insertWidget(0, self._box)
        self.line.wordWrap = True
        # A green state says nothing that the findings do not; that nobody looked must not pass for one.
        self._lines: dict[str, tuple[str, str]] = {
            "unknown": ("○ {sentence}", "#808080"),
            "amber": (_("● Unusual image: {sentence}"), "#b07000"),
            "red": (_("● Unknown kind of image: {sentence}"), "#d03030"),
        }
        state.resultChanged.connect(self._show)
        state.resultUpdated.connect(self._show)
        self._show()

    def _show(self) -> None:
        result = self._state.result
        gate = None
        withheld = False
        if result is not None:
            with waiting():
                gate, withheld = result.case.gate, result.case.withheld
        told = gate.sentences if gate is not None else [UNKNOWN_SENTENCE]
        text, color = "", ""
        if result is not None:
            text, color = self._lines.get(gate.state if gate is not None else "unknown", ("", ""))
        sayNote(self.line, text.format(sentence=told[0]))
        self.line.toolTip = "\n".join(told)
        self.line.styleSheet = f"color: {color}" if color else ""
        self.showAnyway.visible = withheld
        # An empty box would still take the layout's spacing.
        self._box.visible = bool(text)

    def _lift(self) -> None:
        with waiting():
            self._state.result.lift(self._settings.onEdited)
            self._state.resultUpdated()
            self._display.show()
