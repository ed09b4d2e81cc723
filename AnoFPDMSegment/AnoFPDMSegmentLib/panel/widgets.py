"""Small helps with widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ctk
import qt
import slicer.util
from slicer.i18n import tr as _

from anofpdm.app.engine_words import without_dashes


@contextmanager
def quiet(*widgets: Any) -> Iterator[None]:
    """Set widgets without anybody being told."""
    before = [widget.blockSignals(True) for widget in widgets]
    try:
        yield
    finally:
        for widget, was in zip(widgets, before, strict=True):
            widget.blockSignals(was)


@contextmanager
def waiting(*, cursor: bool = True) -> Iterator[None]:
    """Show a wait cursor (`cursor`); a failure with a sentence of its own is shown, and what was begun is left.

    Any other exception is shown with its details and passed on.
    """
    from anofpdm.core.errors import AnoFPDMError

    sentence = ""
    with slicer.util.tryWithErrorDisplay(_("This did not work; please report the details."), waitCursor=cursor):
        try:
            yield
        except AnoFPDMError as error:
            sentence = without_dashes(str(error))
        except OSError as error:
            sentence = _("A file could not be read or written: {reason}.").format(reason=error)
    if sentence:
        slicer.util.errorDisplay(sentence)


def fillCombo(combo: Any, texts: list[str], current: int) -> None:
    """New entries, with nobody being told."""
    with quiet(combo):
        combo.clear()
        for text in texts:
            combo.addItem(text)
        combo.setCurrentIndex(current)


def setSlider(slider: Any, low: float, high: float, value: float) -> None:
    """Range and value of a ctkSliderWidget, with nobody being told; PythonQt knows no setRange of it.

    A click beside the handle moves it by a tenth of the range.
    """
    with quiet(slider):
        slider.minimum = min(low, slider.maximum)
        slider.maximum = high
        slider.minimum = low
        slider.value = value
        slider.pageStep = (high - low) / 10


def setSliderScale(slider: Any, low: float, high: float, decimals: int, value: float) -> None:
    """The same where the decimals change, too; the handle moves by ten of the last decimal."""
    with quiet(slider):
        slider.decimals = decimals
    setSlider(slider, low, high, value)
    with quiet(slider):
        # Last: CTK ignores a step that is wider than the range at the time.
        slider.singleStep = 10.0 ** (1 - decimals)


def valueSlider() -> Any:
    """A slider of a number, which tells where it is dragged apart from where it is let go."""
    slider = ctk.ctkSliderWidget()
    slider.tracking = False
    takeTypedValuesWhole(slider)
    return slider


def narrowCombo() -> Any:
    """As wide as its row, whatever its entries are."""
    combo = qt.QComboBox()
    combo.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
    combo.minimumContentsLength = 10
    return combo


def note() -> Any:
    """A line beside a widget, which is cut off rather than making the panel wider."""
    label = qt.QLabel()
    label.minimumWidth = 1
    return label


def sayNote(label: Any, text: str) -> None:
    """Its text, also where it is cut off; without any it is not there."""
    label.text = label.toolTip = text
    label.visible = bool(text)


def sideBySide(*widgets: Any, widest: int = 0) -> Any:
    """In a row; one of them takes the room that is left."""
    return _laidOut(qt.QHBoxLayout, widgets, widest)


def stacked(*widgets: Any) -> Any:
    """Below each other."""
    return _laidOut(qt.QVBoxLayout, widgets, -1)


def _laidOut(kind: Any, widgets: tuple[Any, ...], widest: int) -> Any:
    box = qt.QWidget()
    layout = kind(box)
    layout.setContentsMargins(0, 0, 0, 0)
    for number, widget in enumerate(widgets):
        layout.addWidget(widget, int(number == widest))
    return box


def takeTypedValuesWhole(panel: Any) -> None:
    """All spin boxes, also those inside sliders, tell a value once it is entered, not at every digit."""
    for box in (*panel.findChildren(qt.QSpinBox), *panel.findChildren(qt.QDoubleSpinBox)):
        box.keyboardTracking = False


def nearest(value: float, choices: tuple[float, ...]) -> float:
    """The choice next to `value`; `value` itself without choices."""
    return min(choices, key=lambda choice: abs(choice - value)) if choices else value


class Later:
    """Runs an action once the events at hand are dealt with, however often it is asked for in between."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.connect("timeout()", action)

    def ask(self) -> None:
        """Run the action soon."""
        if not self._timer.active:
            self._timer.start()

    def forget(self) -> None:
        """Do not run it after all."""
        self._timer.stop()
