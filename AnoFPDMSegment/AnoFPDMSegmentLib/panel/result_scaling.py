"""Dataset-calibrated scaling of the shown result: a slider for each used modality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anofpdm.methods.offers import value_scale

from ..parameters import MOST_INPUTS
from .widgets import setSliderScale

if TYPE_CHECKING:
    from anofpdm.methods.offers import Offer


class ResultScaling:
    """Shown while the threshold is dynamic, the only one that M_max has a say in."""

    def __init__(self, ui: Any) -> None:
        self._title = ui.resultScalingTitle
        self._note = ui.resultScalingNote
        self._reset = ui.resetResultScalingButton
        self._labels = [getattr(ui, f"resultScalingLabel{n}") for n in range(1, MOST_INPUTS + 1)]
        self.sliders = [getattr(ui, f"resultScaling{n}") for n in range(1, MOST_INPUTS + 1)]
        """In the order of the used modalities."""

    def show(self, offer: Offer | None, used: Sequence[str]) -> None:
        """Bring the widgets in line with the settings in use; None: the method has no such option."""
        self._title.visible = offer is not None
        self._note.visible = offer is not None
        scaling = offer.value if offer is not None else ()
        names = [name.upper() for name in used] if scaling else []
        for number, (label, slider) in enumerate(zip(self._labels, self.sliders, strict=True)):
            shown = number < len(names)
            label.visible = shown
            slider.visible = shown
            if shown:
                label.text = f"{names[number]}:"
                scale = value_scale(scaling[number])
                setSliderScale(slider, scale.low, scale.high, scale.decimals or 0, scaling[number])
        self._note.text = offer.note if offer is not None else ""
        self._reset.visible = offer is not None and bool(scaling) and offer.calibrated
        self._reset.enabled = offer is not None and offer.own
