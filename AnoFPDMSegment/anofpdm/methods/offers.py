"""What a method offers an interface: ways to run a model, and values of what can be chosen. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_CALIBRATED, _VALUE = "calibrated", "value"
"""Kinds of threshold, as on the command line."""


@dataclass(frozen=True)
class Scale:
    """The range of a number; `decimals` None: as the interface likes."""

    low: float
    high: float
    decimals: int | None = None


@dataclass(frozen=True)
class Offer:
    """One knob in a given case: what is in use, and what else could be.

    Of a kind of threshold (`Knob.kind`) there are `kinds`, by what stands before `=` on the command line, with titles;
    those that take a number have a scale, and a number at which they begin, so that nothing jumps. Where the kind in
    use takes none, a slider goes over to the last that does.
    """

    value: Any = None
    """In use; None where nothing is, or nothing is calibrated."""
    own: bool = False
    """Whether somebody chose it; else it is as calibrated, or as the model says."""
    scale: Scale | None = None
    only: tuple[float, ...] = ()
    """The only numbers there are; empty where all are."""
    start: float | None = None
    """Where a number begins that nothing is calibrated for."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    """Of the kinds the one in use."""
    scales: Mapping[str, Scale] = field(default_factory=dict)
    starts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    """What to know of it, a few words."""
    calibrated: bool = True
    """Whether there is a calibrated value that it could be taken back to."""


@dataclass(frozen=True)
class Plan:
    """What a run with some knobs chosen would be."""

    chosen: Mapping[str, Any]
    """The choices with what follows from them: what the run is given."""
    calibrated: bool = True
    missing: tuple[str, ...] = ()
    """Knobs that must be given a value before this can run, such as the `start` of what is offered."""
    notes: tuple[str, ...] = ()
    """Where the run is not simply as calibrated, one sentence each."""
    speed_key: str = ""
    """Names what the time of a slice depends on, beside the model and the device."""
    offers: Mapping[str, Offer] = field(default_factory=dict)
    """By knob, of those whose range or usual value depends on the model."""


class Preset(Protocol):
    """A way to run a model."""

    @property
    def name(self) -> str:
        """As on the command line; empty where the model has a single, nameless one."""

    @property
    def title(self) -> str:
        """For people; empty where there is nothing to choose from."""

    @property
    def about(self) -> str:
        """Where its values come from, in a line."""

    def plan(self, chosen: Mapping[str, Any]) -> Plan:
        """A run with these values of knobs, by name. Raises SettingsError where they do not fit together."""


@dataclass(frozen=True)
class OnlyPreset:
    """Of a method whose models are run in one way."""

    about: str = ""
    speed_key: str = ""
    offers: Mapping[str, Offer] = field(default_factory=dict)
    name: str = ""
    title: str = ""

    def plan(self, chosen: Mapping[str, Any]) -> Plan:
        """See `Preset`. What is chosen may change the time."""
        key = ", ".join([self.speed_key, *(f"{name} {value}" for name, value in sorted(chosen.items()))])
        return Plan(chosen, speed_key=key, offers=self.offers)


def value_scale(typical: float, below: float = float("inf")) -> Scale:
    """Of a slider for values around `typical`.

    The largest is 1, 2 or 5 times a power of ten and 2.5 to 6.25 times `typical`: on a slider of 300 pixels one
    pixel is then at most two hundredths of the value. It stays `below` the limit.
    """
    if not 0 < typical < float("inf"):
        typical = 0.1
    magnitude = math.floor(math.log10(typical))
    decimals = max(1, 3 - magnitude)
    scales = (first * 10.0**power for power in (magnitude, magnitude + 1) for first in (1, 2, 5))
    step = 10.0**-decimals
    return Scale(step, min(next(scale for scale in scales if scale >= 2.5 * typical), below - step), decimals)


def cut_offers(settings: Any, answer: Any, usual: float, *, below: float = float("inf")) -> dict[str, Offer]:
    """Of a map that is cut at a threshold, and of the smallest component kept, by knob.

    `settings.threshold`, `settings.minimum_size`: as chosen, or None; `answer.threshold`, `answer.minimum_size`: in
    use; `usual`: the calibrated threshold; `below`: what a threshold must not reach.
    """
    chosen, smallest = settings.threshold, settings.minimum_size
    return {
        "threshold": Offer(
            chosen,
            own=chosen is not None,
            kinds={_CALIBRATED: f"As calibrated ({usual:g})", _VALUE: "Manual: value of the map"},
            kind=_CALIBRATED if chosen is None else _VALUE,
            scales={_VALUE: value_scale(max(chosen or 0.0, answer.threshold), below)},
            starts={_VALUE: answer.threshold},
        ),
        "minimum_size": Offer(
            answer.minimum_size.mm3 or 0.0,
            own=smallest is not None,
            note="" if smallest or answer.minimum_size.mm3 else as_model_says(answer.minimum_size.pixels),
        ),
    }


def as_model_says(pixels: int | None) -> str:
    """Of a minimum size that nobody chose."""
    return f"as the model says: more than {pixels} of its pixels in a slice" if pixels else "as the model says: any"
