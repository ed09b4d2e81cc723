"""Presets: how many noise levels are visited, from fast to the paper's number. Torch-free.

A model has the presets it is calibrated for: each is one of its calibrations, under the preset's name, with the
operating point that belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...core.errors import SettingsError
from ...core.names import is_plain_name
from .calibration import Calibration


@dataclass(frozen=True)
class Preset:
    """What `calibrate` measures under a name."""

    name: str
    steps: int
    noise_range: tuple[int, int] | None = None
    """First and last noise level; None: the range that image-level labels prefer."""
    mirrored: bool = False
    """Whether predictions are averaged with those of the mirrored slice."""


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("fast", 5),
        Preset("balanced", 8, mirrored=True),
        Preset("paper", 600, (1, 600)),  # section 4.1
    )
}
DEFAULT_PRESET = "balanced"


def parse_presets(text: str) -> tuple[Preset, ...]:
    """Names separated by commas, those of PRESETS or any with a number of steps: `balanced,fast=6,quick=3`.

    Raises SettingsError.
    """
    found: dict[str, Preset] = {}
    for entry in text.split(","):
        name, equals, steps = (part.strip() for part in entry.partition("="))
        preset = PRESETS.get(name)
        if equals and is_plain_name(name) and steps.isdecimal() and 2 <= int(steps) <= 100_000:
            preset = replace(preset or Preset(name, 2), steps=int(steps))
        elif equals:
            preset = None
        if preset is None:
            raise SettingsError(
                f"--presets takes entries such as {', '.join(PRESETS)} or quick=3, at least 2 steps, not '{entry}'."
            )
        if name in found:
            raise SettingsError(f"--presets names '{name}' twice; name each preset once.")
        found[name] = preset
    return tuple(found.values())


def calibration_of_preset(calibrations: Sequence[Calibration], preset: str, model: str) -> Calibration:
    """The calibration that `preset` names; `model` is for the message. Raises SettingsError if there is none."""
    for calibration in calibrations:
        if calibration.name == preset:
            return calibration
    there = ", ".join(calibration.label for calibration in calibrations) or "none"
    asked = preset if preset in PRESETS else f"{preset or 'NAME'}=STEPS"
    raise SettingsError(
        f"{model} is not calibrated for the preset '{preset}' (its calibrations: {there}); calibrate it with "
        f"--presets {asked}, or give --steps."
    )


def default_calibration(calibrations: Sequence[Calibration]) -> Calibration:
    """The one used where no preset is named: `balanced` if it is there, else the first."""
    return next((c for c in calibrations if c.name == DEFAULT_PRESET), calibrations[0])
