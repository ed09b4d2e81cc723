"""How maps are cut: the pixel threshold and the smallest component kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..core.errors import SettingsError

ThresholdKind = Literal["dynamic", "healthy", "quantile", "value", "own"]


@dataclass(frozen=True)
class Threshold:
    """How the pixel threshold is found.

    dynamic: Algorithm 1 of the paper; healthy: calibrated on healthy slices; quantile: a fixed
    quantile of each slice's map; value: a fixed map value; own: so many spreads above the median of the
    volume's own map (`own_threshold`).
    """

    kind: ThresholdKind
    number: float | None = None

    def __post_init__(self) -> None:
        if self.kind == "quantile":
            if self.number is None or not 0 < self.number < 1:
                raise SettingsError(f"The threshold's quantile must lie between 0 and 1, not {_shown(self.number)}.")
        elif self.kind in ("value", "own"):
            if self.number is None or not 0 < self.number < float("inf"):
                raise SettingsError(f"The threshold's number must be positive, not {_shown(self.number)}.")
        elif self.number is not None:
            raise SettingsError(f"The threshold '{self.kind}' takes no number.")

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """`dynamic`, `healthy`, `quantile=Q` (0 < Q < 1), `value=V` or `own=K` (positive). Raises SettingsError."""
        if text in ("dynamic", "healthy"):
            return cls("dynamic" if text == "dynamic" else "healthy")
        match = re.fullmatch(r"(quantile|value|own)=(.+)", text)
        number = _number(match.group(2)) if match else None
        if match is None or number is None:
            raise SettingsError(f"The threshold '{text}' is not one of dynamic, healthy, quantile=Q, value=V, own=K.")
        kinds: dict[str, ThresholdKind] = {"quantile": "quantile", "value": "value", "own": "own"}
        return cls(kinds[match.group(1)], number)

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}={self.number:g}"


@dataclass(frozen=True)
class MinimumSize:
    """Smallest component that is kept: larger than `pixels` (model pixels, per slice) or at least `mm3`."""

    pixels: int | None = None
    mm3: float | None = None

    def __post_init__(self) -> None:
        for size in (self.pixels, self.mm3):
            if size is not None and not 0 <= size < 1e9:
                raise SettingsError(f"The minimum size must not be negative, not {size:g}.")

    @classmethod
    def parse(cls, text: str) -> MinimumSize:
        """`40px` or `500mm3`. Raises SettingsError."""
        match = re.fullmatch(r"([0-9.eE+]+)\s*(px|mm3)", text.strip())
        number = _number(match.group(1)) if match else None
        if match is None or number is None or not 0 <= number < 1e9:
            raise SettingsError(f"The minimum size '{text}' is not of the form 40px (per slice) or 500mm3 (volume).")
        if match.group(2) == "mm3":
            return cls(mm3=number)
        if number != int(number):
            raise SettingsError(f"The minimum size in pixels must be a whole number, not {number:g}.")
        return cls(pixels=int(number))

    def __str__(self) -> str:
        return f"{self.pixels}px" if self.pixels is not None else f"{self.mm3 or 0:g}mm3"


def _shown(number: float | None) -> str:
    return "left out" if number is None else f"{number:g}"


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
