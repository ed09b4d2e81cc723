"""Rows for the options of the method in use, made from their declarations: a new one appears by being declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import qt

from anofpdm.methods.offers import Offer

from .knob_row import KnobRow, SliderRow, rowFor

if TYPE_CHECKING:
    from anofpdm.methods.knobs import Knob
    from anofpdm.methods.method import Method

DESIGNED = {
    "guidance": "number",
    "threshold": "threshold",
    "scaling": "per modality",
    "minimum_size": "size",
    "ungated": "switch",
}
"""Options with rows of their own in the .ui file, and of which kind they must be for those."""


def designedKnob(method: Method | None, name: str) -> Knob | None:
    """The method's option of this name, if it has one that the row in the .ui file can show."""
    knobs = method.knobs if method is not None else ()
    return next((knob for knob in knobs if knob.live and knob.name == name and knob.kind == DESIGNED.get(name)), None)


class KnobRows:
    """The rows of one place; basic or advanced ones of a method, live ones or those for the next run."""

    def __init__(self, place: Any, choose: Callable[[Knob, str], object], *, live: bool, advanced: bool) -> None:
        """`place`: a widget with a layout, shown while there are rows."""
        self._place = place
        self._choose = choose
        self._live, self._advanced = live, advanced
        self._method: Method | None = None
        self._form: Any = None
        self.rows: dict[str, KnobRow] = {}
        """By the option's name."""
        self._knobs: dict[str, Knob] = {}
        place.visible = False

    @property
    def sliders(self) -> dict[str, Any]:
        """Those of numbers that act live, by the option's name."""
        return {name: row.widget for name, row in self.rows.items() if isinstance(row, SliderRow)}

    def make(self, method: Method) -> bool:
        """Rows for this method's options; whether they are others than before."""
        if method is self._method:
            return False
        self._method = method
        if self._form is not None:
            self._form.hide()
            self._place.layout().removeWidget(self._form)
            self._form.deleteLater()
        self._knobs = {knob.name: knob for knob in self._wanted(method)}
        self.rows = {name: rowFor(knob, self._chooser(knob)) for name, knob in self._knobs.items()}
        self._form = qt.QWidget()
        layout = qt.QFormLayout(self._form)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setFieldGrowthPolicy(qt.QFormLayout.AllNonFixedFieldsGrow)
        for name, row in self.rows.items():
            row.widget.objectName = f"{name} row"
            layout.addRow(f"{self._knobs[name].label}:", row.widget)
        self._place.layout().addWidget(self._form)
        self._place.visible = bool(self.rows)
        return True

    def show(self, texts: Mapping[str, str], offers: Mapping[str, Offer]) -> None:
        """What is chosen, by the option's name."""
        for name, row in self.rows.items():
            row.show(texts.get(name, ""), offers.get(name, Offer()))

    def _wanted(self, method: Method) -> Sequence[Knob]:
        return [
            knob
            for knob in method.knobs
            if knob.live == self._live
            and knob.advanced == self._advanced
            and (knob.name not in DESIGNED or designedKnob(method, knob.name) is None)
        ]

    def _chooser(self, knob: Knob) -> Callable[[str], object]:
        return lambda text: self._choose(knob, text)
