"""A method's options, each declared once. Torch-free.

From a declaration come the option of the command line with its help, the check of what the user gives, and the field
of the method's record that it fills.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core.errors import SettingsError

CALIBRATED = "calibrated"
"""Takes a single option back to what the model's calibration says."""


@dataclass(frozen=True)
class Switch:
    """An option without a value, which sets a knob to one."""

    option: str
    value: Any
    help: str


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
        if self.switches:
            return next(f"--{switch.option}" for switch in self.switches if switch.value == value)
        return f"{self.flag}={value if isinstance(value, str) else self.write(value)}"


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
