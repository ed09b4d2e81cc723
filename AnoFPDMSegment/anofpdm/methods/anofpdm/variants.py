"""Which variants of AnoFPDM an evaluation measures, and the options that say so. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...core.errors import SettingsError
from ..knobs import Knob, Switch, numbers
from .calibration import Consistency, Decision
from .settings import MapKind

ThresholdName = Literal["healthy", "dynamic"]


@dataclass(frozen=True)
class Variants:
    """Every combination that makes sense is one."""

    presets: tuple[str, ...] | None = None
    """Names of the model's calibrations; None: all of them."""
    guidance: tuple[float, ...] | None = None
    """None: the calibration's default strength."""
    thresholds: tuple[ThresholdName, ...] = ("healthy", "dynamic")
    decisions: tuple[Decision, ...] = ("map", "similarity")
    maps: tuple[MapKind, ...] = ("aggregated", "last")
    consistencies: tuple[Consistency, ...] = ("volume", "slice")
    """`volume` goes with the aggregated map and its own decision alone, and with calibrations that hold it."""


def _names(known: Sequence[str] | None = None) -> Callable[[str, str], tuple[str, ...]]:
    def read(text: str, option: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        wrong = [name for name in names if known is not None and name not in known]
        if wrong or not names:
            choice = f"some of {', '.join(known)}" if known else "names"
            raise SettingsError(f"{option} takes {choice}, not " + (f"'{wrong[0]}'." if wrong else "nothing."))
        return names

    return read


def _kinds(name: str, option: str, help: str, known: tuple[str, ...], usual: str) -> Knob:  # noqa: A002
    return Knob(name, f"{help}(default: {usual})", live=False, option=option, metavar="KIND,...", read=_names(known))


ABLATIONS = "ablations"
KNOBS = (
    Knob("presets", "the model's calibrations to use (default: all)", live=False, metavar="NAME,...", read=_names()),
    Knob("guidance", "guidance strengths (default: as calibrated)", live=False, metavar="W,W,...", read=numbers),
    _kinds("thresholds", "thresholds", "", ("healthy", "dynamic"), "healthy,dynamic"),
    _kinds("decisions", "decisions", "", ("map", "similarity"), "map,similarity"),
    _kinds("maps", "maps", "", ("aggregated", "last"), "aggregated,last"),
    _kinds(
        "consistencies",
        "consistency",
        "maps alone, or averaged over neighbouring pixels and slices ",
        ("slice", "volume"),
        "volume,slice",
    ),
    Knob(
        ABLATIONS,
        "",
        live=False,
        switches=(
            Switch("ablations", True, "add the paper's ablations, at the first preset named, else the default one"),
        ),
    ),
)
"""Fields of `Variants`, and the ablations."""


def variants_of(options: Mapping[str, Any]) -> Variants:
    """Raises SettingsError if no variant is left."""
    found = Variants(**{name: value for name, value in options.items() if name != ABLATIONS})
    if "aggregated" not in found.maps and "dynamic" not in found.thresholds:
        raise SettingsError(
            "The healthy threshold is calibrated for the aggregated map; with --maps last give --thresholds dynamic."
        )
    return found
