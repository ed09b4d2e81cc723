"""What the user chose for one detection, as options of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .checked_names import checked_model, checked_name


@dataclass(frozen=True)
class RunOptions:
    """None everywhere means: as the model and its calibration say."""

    model: str
    """Name or folder."""
    chosen: Mapping[str, Any] = field(default_factory=dict)
    """Values of the method's knobs, by name; a text stands for itself."""
    calibration: str | None = None
    """Name of the user's calibrations of this model, in place of its own."""
    preset: str | None = None
    """Name of one of these calibrations, whose operating point is taken; what is chosen goes over it."""
    device: str = "auto"
    seed: int = 0
    overlay: bool = False
    """Whether overlay.png is drawn, which needs Pillow."""
    method: str = ""
    """Whose knobs are chosen, the model's; empty: that of version 0.1."""

    def to_arguments(self) -> list[str]:
        """The options of `anofpdm detect`, each with its value in one argument, so that none is taken for another.

        Raises SettingsError for names that cannot be one.
        """
        from ...core.errors import SettingsError
        from ...methods.registry import FIRST_METHOD, find_method

        usual = {
            "model": checked_model(self.model),
            "calibration": None if self.calibration is None else checked_name(self.calibration, "calibration"),
            "preset": None if self.preset is None else checked_name(self.preset, "preset"),
            "device": self.device,
            "seed": str(self.seed),
        }
        arguments = [f"--{name}={value}" for name, value in usual.items() if value is not None]
        method = find_method(self.method or FIRST_METHOD)
        knobs = {knob.name: knob for knob in method.knobs}
        for name, value in self.chosen.items():
            if name not in knobs:
                raise SettingsError(f"The method {method.name} has no option '{name}'; leave it out.")
            arguments.append(knobs[name].argument(value))
        if not self.overlay:
            arguments.append("--no-overlay")
        return arguments
