"""Dataset-calibrated scaling of the shown result: a slider for each used modality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..parameters import MOST_INPUTS
from . import result_settings
from .widgets import setSliderScale

if TYPE_CHECKING:
    from ..mrml.result import Result


class ResultScaling:
    """Shown while the threshold is dynamic, the only one that M_max has a say in."""

    def __init__(self, ui: Any) -> None:
        self._note = ui.resultScalingNote
        self._reset = ui.resetResultScalingButton
        self._labels = [getattr(ui, f"resultScalingLabel{n}") for n in range(1, MOST_INPUTS + 1)]
        self.sliders = [getattr(ui, f"resultScaling{n}") for n in range(1, MOST_INPUTS + 1)]
        """In the order of the used modalities."""

    def show(self, result: Result) -> None:
        """Bring the widgets in line with the settings in use."""
        scaling = result_settings.scalingInUse(result)
        calibrated = result.settings.scaling is None
        names = [name.upper() for name in result.case.model.used] if scaling else []
        for number, (label, slider) in enumerate(zip(self._labels, self.sliders, strict=True)):
            shown = number < len(names)
            label.visible = shown
            slider.visible = shown
            if shown:
                label.text = f"{names[number]}:"
                setSliderScale(slider, *result_settings.valueScale(scaling[number]), scaling[number])
        if not scaling:
            self._note.text = _("acts on the dynamic threshold only")
        else:
            self._note.text = _("as calibrated") if calibrated else _("your own")
        self._reset.visible = bool(scaling) and result.case.calibration is not None
        self._reset.enabled = not calibrated
