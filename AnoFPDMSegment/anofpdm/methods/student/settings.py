"""What may be chosen of a student's answer without a rerun, and its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.errors import SettingsError
from ...thresholds.settings import MinimumSize
from ..knobs import CALIBRATED, Knob, number


@dataclass(frozen=True)
class StudentSettings:
    """None everywhere means: as calibrated."""

    threshold: float | None = None
    """Probability of a lesion from which on a pixel is marked."""
    minimum_size: MinimumSize | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SettingsError(f"A student's threshold is a probability between 0 and 1, not {self.threshold:g}.")


def _probability(text: str, option: str) -> float:
    return number(text.removeprefix("value="), option)


def _size(text: str, option: str) -> Any:
    return MinimumSize.parse(text)


KNOBS = (
    Knob(
        "threshold",
        "probability of a lesion from which on a pixel is marked: P or value=P",
        live=True,
        metavar="P",
        read=_probability,
        usual=CALIBRATED,
    ),
    Knob(
        "minimum_size",
        "smallest component kept: 40px (per slice) or 500mm3",
        live=True,
        option="min-size",
        metavar="SIZE",
        read=_size,
        usual=CALIBRATED,
    ),
)
