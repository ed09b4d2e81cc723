"""Widgets for one option of a method, made from its declaration; texts are those of the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import qt
from slicer.i18n import tr as _

from anofpdm.methods.offers import Offer, Scale

from .slider_rows import ModalityRow, SizeRow, SliderRow, ThresholdRow
from .widgets import fillCombo, narrowCombo, quiet

if TYPE_CHECKING:
    from anofpdm.methods.knobs import Knob

    Choose = Callable[[str], object]

_WIDEST = Scale(0, 1000, 3)


class KnobRow(Protocol):
    """A row; what the user chooses is told as a text, an empty one for what holds without a choice."""

    widget: Any
    more: Any
    """A second widget, which stands behind *Advanced* in any case; or None."""
    sliders: Mapping[Any, Callable[[float], Any]]
    """Those that are followed while they are dragged, with what makes a value of the option of their number."""

    def show(self, text: str, offer: Offer) -> None:
        """What is chosen, with nobody being told."""


def rowFor(knob: Knob, choose: Choose, modalities: Sequence[str]) -> KnobRow:
    """The row that fits the knob's kind."""
    row: KnobRow
    if knob.kind in ("choice", "switch"):
        row = ChoiceRow(knob, choose)
    elif knob.kind == "number" and knob.live:
        row = SliderRow(knob)
    elif knob.kind == "threshold" and knob.live:
        row = ThresholdRow(knob, choose)
    elif knob.kind == "size" and knob.live:
        row = SizeRow(knob)
    elif knob.kind == "per modality" and knob.live:
        row = ModalityRow(knob, choose, modalities)
    elif knob.kind in ("number", "whole") and not knob.live:
        row = NumberRow(knob, choose)
    else:
        row = TextRow(knob, choose)
    row.widget.toolTip = knob.help or "; ".join(f"{switch.title}: {switch.help}" for switch in knob.switches)
    return row


class ChoiceRow:
    """A list of what there is to choose; before a run with an entry for no choice."""

    more: Any = None
    sliders: Mapping[Any, Callable[[float], Any]] = {}

    def __init__(self, knob: Knob, choose: Choose) -> None:
        self._entries = knob.entries if knob.live else {"": _("As calibrated"), **knob.entries}
        self.widget = narrowCombo()
        fillCombo(self.widget, list(self._entries.values()), 0)
        self.widget.connect("currentIndexChanged(int)", lambda index: choose(list(self._entries)[index]))

    def show(self, text: str, offer: Offer) -> None:
        """See `KnobRow`."""
        with quiet(self.widget):
            known = list(self._entries)
            self.widget.setCurrentIndex(known.index(text) if text in known else 0)


class NumberRow:
    """Of a number before a run: no choice, the words there are instead of a number, or a number of one's own."""

    more: Any = None
    sliders: Mapping[Any, Callable[[float], Any]] = {}

    def __init__(self, knob: Knob, choose: Choose) -> None:
        self._knob = knob
        self._choose = choose
        self._words = ["", *knob.words]
        self._offer = Offer()
        self.widget = qt.QWidget()
        layout = qt.QHBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        self.selector = narrowCombo()
        titles = [knob.titles.get(word, word) for word in knob.words]
        fillCombo(self.selector, [_("As calibrated"), *titles, _("Own number")], 0)
        self.box = qt.QSpinBox() if knob.kind == "whole" else qt.QDoubleSpinBox()
        self.box.keyboardTracking = False
        self.box.visible = False
        layout.addWidget(self.selector, 1)
        layout.addWidget(self.box)
        self.selector.connect("currentIndexChanged(int)", self._chooseEntry)
        self.box.connect("valueChanged(int)" if knob.kind == "whole" else "valueChanged(double)", self._chooseNumber)

    def show(self, text: str, offer: Offer) -> None:
        """See `KnobRow`."""
        self._offer = offer
        scale = offer.scale or self._knob.scale or _WIDEST
        own = text not in self._words
        with quiet(self.selector, self.box):
            self.selector.setCurrentIndex(len(self._words) if own else self._words.index(text))
            if self._knob.kind != "whole":
                self.box.decimals = scale.decimals if scale.decimals is not None else 3
            number = int if self._knob.kind == "whole" else float
            self.box.minimum, self.box.maximum = number(scale.low), number(scale.high)
            if own:
                self.box.value = number(float(text))
        self.box.visible = own

    def _chooseEntry(self, index: int) -> None:
        if index < len(self._words):
            self._choose(self._words[index])
        else:
            offer, scale = self._offer, self._offer.scale or self._knob.scale or _WIDEST
            start = next((each for each in (offer.start, offer.value) if each is not None), scale.low)
            self._chooseNumber(start)

    def _chooseNumber(self, value: float) -> None:
        self._choose(str(int(value)) if self._knob.kind == "whole" else repr(float(value)))


class TextRow:
    """Everything else is typed; what cannot be is told of by whoever is given it."""

    more: Any = None
    sliders: Mapping[Any, Callable[[float], Any]] = {}

    def __init__(self, knob: Knob, choose: Choose) -> None:
        self._usual = knob.usual or ""
        self._shown = ""
        self._choose = choose
        self.widget = qt.QLineEdit()
        self.widget.placeholderText = _("As calibrated")
        self.widget.connect("editingFinished()", self._typed)

    def show(self, text: str, offer: Offer) -> None:
        """See `KnobRow`."""
        self._shown = "" if text == self._usual else text
        with quiet(self.widget):
            self.widget.text = self._shown

    def _typed(self) -> None:
        text = self.widget.text.strip()
        if text != self._shown:
            self._shown = text
            self._choose(text or self._usual)
