"""Rows with sliders for options that act on a finished result; the views follow while a handle is dragged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from anofpdm.methods.offers import Offer, value_scale

from .widgets import (
    fillCombo,
    narrowCombo,
    nearest,
    note,
    quiet,
    sayNote,
    setSliderScale,
    sideBySide,
    stacked,
    valueSlider,
)

if TYPE_CHECKING:
    from anofpdm.methods.knobs import Knob

    Choose = Callable[[str], object]

_LARGEST_SIZE_MM3 = 5000


class SliderRow:
    """Of a number."""

    more: Any = None

    def __init__(self, knob: Knob) -> None:
        self._scale = knob.scale
        self._only: tuple[float, ...] = ()
        self.widget = valueSlider()
        self.sliders = {self.widget: lambda number: nearest(number, self._only)}

    def show(self, text: str, offer: Offer) -> None:
        """See `KnobRow`."""
        self._only = offer.only
        value = float(offer.value if offer.value is not None else text)
        scale = offer.scale or self._scale or value_scale(value)
        decimals = scale.decimals if scale.decimals is not None else 2
        setSliderScale(self.widget, scale.low, scale.high, decimals, value)


class ThresholdRow:
    """A slider that can always be moved, and a way back; the kinds of threshold there are, in a list of their own."""

    def __init__(self, knob: Knob, choose: Choose) -> None:
        self._knob = knob
        self._choose = choose
        self._offer = Offer()
        self.slider = valueSlider()
        self.sliders = {self.slider: self._value}
        self.reset = qt.QPushButton(_("Reset"))
        self.reset.toolTip = _("Back to the calibration.")
        self.reset.connect("clicked()", lambda: choose(knob.usual or ""))
        self.widget = sideBySide(self.slider, self.reset)
        self.more = narrowCombo()
        self.more.toolTip = _("What the threshold is taken from.")
        self.more.connect("currentIndexChanged(int)", self._chooseKind)

    def show(self, text: str, offer: Offer) -> None:
        """See `KnobRow`."""
        self._offer = offer
        fillCombo(self.more, list(offer.kinds.values()), list(offer.kinds).index(offer.kind) if offer.kind else -1)
        self.reset.visible = self._knob.usual in offer.kinds
        self.reset.enabled = offer.kind != self._knob.usual
        kind = self._kindOfSlider()
        self.slider.visible = bool(kind)
        if kind:
            scale, start = offer.scales[kind], offer.starts.get(kind, 0.0)
            value = offer.value if offer.kind == kind and offer.value is not None else start
            setSliderScale(self.slider, scale.low, scale.high, scale.decimals or 0, value)

    def _kindOfSlider(self) -> str:
        """That in use, or the one to which the slider goes over when it is moved."""
        offer = self._offer
        return offer.kind if offer.kind in offer.scales else next(reversed(list(offer.scales)), "")

    def _value(self, number: float) -> Any:
        return self._knob.chosen(f"{self._kindOfSlider()}={number!r}")

    def _chooseKind(self, index: int) -> None:
        kind = list(self._offer.kinds)[index]
        start = self._offer.starts.get(kind)
        self._choose(kind if start is None else f"{kind}={start!r}")


class SizeRow:
    """Of a smallest size, in mm³."""

    more: Any = None

    def __init__(self, knob: Knob) -> None:
        self._knob = knob
        self.slider = valueSlider()
        self.slider.suffix = _(" mm³")
        setSliderScale(self.slider, 0, _LARGEST_SIZE_MM3, 0, 0)
        self.sliders = {self.slider: lambda number: self._knob.chosen(f"{number!r}mm3")}
        self.note = note()
        self.widget = stacked(self.slider, self.note)

    def show(self, text: str, offer: Offer) -> None:
        """See `KnobRow`."""
        with quiet(self.slider):
            self.slider.value = offer.value or 0.0
        sayNote(self.note, offer.note)


class ModalityRow:
    """Of a number for each modality; none while the option has no say."""

    more: Any = None

    def __init__(self, knob: Knob, choose: Choose, modalities: Sequence[str]) -> None:
        self._values: tuple[float, ...] = ()
        self.note = note()
        self.reset = qt.QPushButton(_("Reset"))
        self.reset.toolTip = _("Back to the calibration.")
        self.reset.connect("clicked()", lambda: choose(knob.usual or ""))
        self.sliders = {
            valueSlider(): lambda number, place=place: self._with(place, number) for place in range(len(modalities))
        }
        self.labels = [qt.QLabel(f"{name.upper()}:") for name in modalities]
        pairs = [sideBySide(label, slider, widest=1) for label, slider in zip(self.labels, self.sliders, strict=True)]
        self._pairs = pairs
        self.widget = stacked(sideBySide(self.note, self.reset), *pairs)

    def show(self, text: str, offer: Offer) -> None:
        """See `KnobRow`."""
        self._values = tuple(offer.value or ())
        sayNote(self.note, offer.note)
        self.reset.visible = bool(self._values) and offer.calibrated
        self.reset.enabled = offer.own
        for pair in self._pairs:
            pair.visible = bool(self._values)
        for slider, value in zip(self.sliders, self._values, strict=False):
            scale = value_scale(value)
            setSliderScale(slider, scale.low, scale.high, scale.decimals or 0, value)

    def _with(self, place: int, number: float) -> tuple[float, ...]:
        values = list(self._values)
        values[place] = number
        return tuple(values)
