"""Rows for the options of the method in use, made from their declarations: a new one appears by being declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from anofpdm.methods.offers import Offer

from .knob_row import KnobRow, rowFor

if TYPE_CHECKING:
    from anofpdm.methods.knobs import Knob
    from anofpdm.methods.method import Method

_SLIDER_PX = 230
"""The least that a row of sliders may have; where a title beside it would leave less, it goes above."""


class KnobRows:
    """Those of a method that act live, or those for the next run: the basic ones in sight, the others elsewhere."""

    def __init__(self, basic: Any, advanced: Any, choose: Callable[[Knob, str], object], *, live: bool) -> None:
        """`basic`, `advanced`: widgets with a layout, shown while they have rows."""
        self._places = (basic, advanced)
        self._choose = choose
        self._live = live
        self._made: tuple[Method, tuple[str, ...]] | None = None
        self._forms: list[Any] = []
        self.rows: dict[str, KnobRow] = {}
        """By the option's name."""
        self._knobs: dict[str, Knob] = {}
        self._kinds: dict[str, Any] = {}
        """Labels of the rows that name a kind, by the option's name."""
        for place in self._places:
            place.visible = False

    @property
    def sliders(self) -> dict[tuple[str, Any], Callable[[float], Any]]:
        """Those that are followed while they are dragged, with the option's name, and what makes its value."""
        return {(name, slider): make for name, row in self.rows.items() for slider, make in row.sliders.items()}

    def make(self, method: Method, modalities: Sequence[str]) -> bool:
        """Rows for this method's options, of a model with these modalities; whether they are others than before."""
        if self._made == (method, tuple(modalities)):
            return False
        self._made = (method, tuple(modalities))
        for place, form in zip(self._places, self._forms, strict=False):
            form.hide()
            place.layout().removeWidget(form)
            form.deleteLater()
        self._knobs = {knob.name: knob for knob in method.knobs if knob.live == self._live}
        self.rows = {name: rowFor(knob, self._chooser(knob), modalities) for name, knob in self._knobs.items()}
        self._kinds = {}
        self._forms = [qt.QWidget(), qt.QWidget()]
        layouts = [_form(widget) for widget in self._forms]
        for name, row in self.rows.items():
            knob = self._knobs[name]
            row.widget.objectName = f"{name} row"
            if knob.advanced and row.sliders:
                row.widget.minimumWidth = _SLIDER_PX
            layouts[knob.advanced].addRow(f"{knob.label}:", row.widget)
            if row.more is not None:
                self._kinds[name] = qt.QLabel(_("{option} from:").format(option=knob.label))
                layouts[True].addRow(self._kinds[name], row.more)
        for place, form in zip(self._places, self._forms, strict=True):
            place.layout().addWidget(form)
        self._places[False].visible = any(not knob.advanced for knob in self._knobs.values())
        self._places[True].visible = any(knob.advanced for knob in self._knobs.values()) or bool(self._kinds)
        return True

    def show(self, texts: Mapping[str, str], offers: Mapping[str, Offer]) -> None:
        """What is chosen, by the option's name."""
        for name, row in self.rows.items():
            offer = offers.get(name, Offer())
            row.show(texts.get(name, ""), offer)
            if name in self._kinds:
                for widget in (self._kinds[name], row.more):
                    # Where a threshold is as calibrated or a number, the slider alone says which.
                    widget.visible = len(set(offer.kinds) - {self._knobs[name].usual}) > 1

    def _chooser(self, knob: Knob) -> Callable[[str], object]:
        return lambda text: self._choose(knob, text)


def _form(widget: Any) -> Any:
    layout = qt.QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(qt.QFormLayout.AllNonFixedFieldsGrow)
    # A long title stands over its row, so that it makes the panel no wider.
    layout.setRowWrapPolicy(qt.QFormLayout.WrapLongRows)
    return layout
