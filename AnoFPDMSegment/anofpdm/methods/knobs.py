"""A method's options, each declared once. Torch-free.

From a declaration come the option of the command line with its help, the check of what the user gives, the field of
the method's record that it fills, what a worker is told, and its row in the panel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..core.errors import SettingsError
from .offers import Scale

Kind = Literal["choice", "switch", "number", "whole", "text", "threshold", "size", "per modality"]

CALIBRATED = "calibrated"
"""Takes a single option back to what the model's calibration says."""


@dataclass(frozen=True)
class Switch:
    """An option without a value, which sets a knob to one."""

    option: str
    value: Any
    help: str
    title: str = ""
    """In a list of a few words each; empty: the option's."""


@dataclass(frozen=True)
class Knob:
    """One option.

    `name`: the field of the method's record; `option`: its name on the command line, without dashes. Either `read`
    turns a text into a value, or `switches` stand for the values.
    """

    name: str
    help: str
    live: bool
    """Acts on a finished result; else it needs a rerun."""
    option: str = ""
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    read: Callable[[str, str], Any] = lambda text, option: text
    """(text, option with its dashes) to a value. Raises SettingsError."""
    write: Callable[[Any], str] = lambda value: as_text(value)
    """A value to a text that `read` takes back to the very same value."""
    switches: tuple[Switch, ...] = ()
    usual: str | None = None
    """A text that means the default, so that a finished result can be taken back to it."""
    title: str = ""
    """In front of its row; empty: its name."""
    unit: str = ""
    form: Kind | None = None
    """How it is shown where that does not follow from the rest: a range makes a number, choices a list."""
    scale: Scale | None = None
    """The range of a number, where it is the same for every model."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Of choices, and of `words`, where they need more than a word."""
    words: tuple[str, ...] = ()
    """Texts that a number may be instead."""
    advanced: bool = False
    """Whether its row stands behind *Advanced*, for those who know the method; else in sight, beside the findings or,
    of a knob that needs a rerun, above the button that starts one."""
    told: bool = False
    """Whether the one line about a result's settings says its value."""
    tacit: Any = None
    """The value that needs no word there."""

    @property
    def kind(self) -> Kind:
        """How it is shown."""
        if self.form is not None:
            return self.form
        if self.switches:
            return "switch"
        if self.choices:
            return "choice"
        return "number" if self.scale is not None else "text"

    @property
    def label(self) -> str:
        """In front of its row, with the unit."""
        title = self.title or self.name.replace("_", " ").capitalize()
        return f"{title} [{self.unit}]" if self.unit else title

    @property
    def entries(self) -> dict[str, str]:
        """Titles of what can be chosen by the text that `value` takes; of a switch by that of `chosen`."""
        if self.switches:
            return {switch.option: switch.title or switch.option.replace("-", " ") for switch in self.switches}
        return {text: self.titles.get(text, text) for text in (*self.choices, *self.words)}

    def chosen(self, text: str) -> Any:
        """The value of a text that stands in `entries`, or was typed. Raises SettingsError."""
        if self.switches:
            for switch in self.switches:
                if switch.option == text:
                    return switch.value
            raise SettingsError(f"There is no option --{text} here.")
        return self.value(text)

    def entry(self, value: Any) -> str:
        """The text that `chosen` turns into this value."""
        if self.switches:
            return next(switch.option for switch in self.switches if switch.value == value)
        if value is None and self.usual is not None:
            return self.usual
        return value if isinstance(value, str) else self.write(value)

    def plain(self, value: Any) -> Any:
        """A value as JSON can hold it: what is no number, text or list of them, as its text."""
        if isinstance(value, list | tuple):
            return [self.plain(part) for part in value]
        return value if value is None or isinstance(value, bool | int | float | str) else self.write(value)

    def shown(self, value: Any) -> str:
        """A value, as findings hold it, in words: a choice by its title, a number with the unit."""
        for switch in self.switches:
            if switch.value == value:
                return self.entries[switch.option]
        if isinstance(value, str):
            return self.entries.get(value, value)
        if isinstance(value, list | tuple):
            return self.write(tuple(value))
        text = f"{value:g}" if isinstance(value, float | int) else self.write(value)
        return f"{text} {self.unit}" if self.unit else text

    @property
    def flag(self) -> str:
        """With its dashes, as on the command line."""
        return f"--{self.option or self.name.replace('_', '-')}"

    def value(self, text: str) -> Any:
        """Of a text; None for the default. Raises SettingsError."""
        if self.choices and text not in self.choices:
            raise SettingsError(f"{self.flag} takes one of {', '.join(self.choices)} here, not '{text}'.")
        return None if text == self.usual else self.read(text, self.flag)

    def argument(self, value: Any) -> str:
        """The argument of the command line that gives this value; a text stands for itself."""
        text = self.entry(value)
        return f"--{text}" if self.switches else f"{self.flag}={text}"


def as_text(value: Any) -> str:
    """Numbers so that the very same come back; several separated by commas."""
    if isinstance(value, tuple | list):
        return ",".join(as_text(part) for part in value)
    return repr(value) if isinstance(value, float | int) else str(value)


def number(text: str, option: str) -> float:
    """A finite number. Raises SettingsError."""
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(f"{option} takes a number, not '{text}'.") from None
    return finite(value, option)


def numbers(text: str, option: str) -> tuple[float, ...]:
    """Comma-separated finite numbers. Raises SettingsError."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"{option} takes numbers separated by commas, not '{text}'.") from None
    return tuple(finite(value, option) for value in values)


def whole(text: str, option: str) -> int:
    """A whole number. Raises SettingsError."""
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{option} takes a whole number, not '{text}'.") from None


def finite(value: float, option: str) -> float:
    """The value. Raises SettingsError unless it is a finite number."""
    if not float("-inf") < value < float("inf"):
        raise SettingsError(f"{option} takes a finite number, not {value}.")
    return value
