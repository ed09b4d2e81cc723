"""Options shared by commands. Those of a method come from its knobs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import InputError, SettingsError
from ..methods.knobs import Knob
from ..methods.method import Method
from ..methods.registry import methods

_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=(.+)", re.DOTALL)
_PLACE = "knob of "
"""Before the name of a knob, where argparse keeps what was given."""


@dataclass(frozen=True)
class KnobGroup:
    """Options that act on a finished result (`live`), or those that need a rerun, under a title in the help."""

    live: bool
    title: str
    description: str | None = None


def add_knobs(parser: argparse.ArgumentParser, *groups: KnobGroup) -> None:
    """Every method's options of these kinds.

    An option that several methods have is one option, in the group of the first; each reads it in its own way.
    """
    wanted = [(method, knob) for method in _in_order() for knob in method.knobs]
    places = {group.live: parser.add_argument_group(group.title, group.description) for group in groups}
    there: set[str] = set()
    for _, knob in wanted:
        if knob.live in places and knob.name not in there:
            there.add(knob.name)
            same = [(m, k) for m, k in wanted if k.name == knob.name and k.live in places]
            _add(places[knob.live], same)


def _add(group: Any, same: Sequence[tuple[Method, Knob]]) -> None:
    """One option for a knob of this name of one or several methods."""
    knob = same[0][1]
    place = _PLACE + knob.name
    if knob.switches:
        either = group.add_mutually_exclusive_group()
        for switch in knob.switches:
            either.add_argument(
                f"--{switch.option}", dest=place, action="store_const", const=switch, default=None, help=switch.help
            )
        return
    others = [(method.name, other) for method, other in same[1:] if other.help != knob.help]
    text = "; ".join([knob.help, *(f"{name}: {other.help}" for name, other in others)])
    choices = None
    if all(other.choices for _, other in same):
        choices = list(dict.fromkeys(choice for _, other in same for choice in other.choices))
    group.add_argument(knob.flag, dest=place, metavar=knob.metavar, choices=choices, help=text)


def given_knobs(options: argparse.Namespace, method: Method, *, live: bool) -> dict[str, Any]:
    """The values of the method's knobs among the options. Raises SettingsError for a value that cannot be, and for an
    option that is another method's."""
    texts = {name.removeprefix(_PLACE): text for name, text in vars(options).items() if name.startswith(_PLACE)}
    own = {knob.name: knob for knob in method.knobs}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if text is None:
            continue
        if name not in own:
            flag, owners = next(iter(_owners(name)))[0], " and ".join(owner for _, owner in _owners(name))
            raise SettingsError(f"{flag} is an option of {owners}, not of {method.name}; leave it out.")
        if own[name].live == live:
            values[name] = own[name].value(text) if isinstance(text, str) else text.value
    return values


def check_knobs(options: argparse.Namespace) -> None:
    """Raises SettingsError for a value that no method can read: it is wrong whatever the model is."""
    for name, text in vars(options).items():
        if name.startswith(_PLACE) and isinstance(text, str):
            problems = [_problem(k, text) for m in _in_order() for k in m.knobs if _PLACE + k.name == name]
            wrong = [problem for problem in problems if problem is not None]
            if len(wrong) == len(problems):
                raise wrong[0]


def _problem(knob: Knob, text: str) -> SettingsError | None:
    try:
        knob.value(text)
    except SettingsError as error:
        return error
    return None


def _owners(name: str) -> list[tuple[str, str]]:
    """(option, method) of a knob."""
    return [(knob.flag, method.name) for method in _in_order() for knob in method.knobs if knob.name == name]


def _in_order() -> Iterator[Method]:
    return iter(methods().values())


def add_overlay_option(parser: Any) -> None:
    """Whether overlay.png is drawn."""
    parser.add_argument(
        "--no-overlay", dest="overlay", action="store_false", help="leave out overlay.png, the only file to need Pillow"
    )


def named_images(texts: list[str]) -> dict[str, str]:
    """The volumes of --input, a path by modality, each NAME=PATH. Raises InputError."""
    images: dict[str, str] = {}
    for text in texts:
        match = _NAMED.fullmatch(text)
        if match is None:
            raise InputError(f"--input takes a modality and its volume, as in flair=a.nii.gz, not '{text}'.")
        modality = match.group(1).lower()
        if modality in images:
            raise InputError(f"The modality {modality} is given twice; name each modality once.")
        images[modality] = match.group(2)
    return images


def input_images(texts: list[str]) -> str | dict[str, str]:
    """The volumes of the command line: one path, or a path by modality from NAME=PATH. Raises InputError."""
    if not all(texts):
        raise InputError("An INPUT is empty; give the path of a volume.")
    for text in texts:
        if text.endswith("=") and not Path(text).exists():
            raise InputError(f"No file is named after '{text}'; write it as in flair=a.nii.gz.")
    if len(texts) == 1 and (Path(texts[0]).exists() or not _NAMED.fullmatch(texts[0])):
        return texts[0]
    for text in texts:
        if _NAMED.fullmatch(text) is None:
            raise InputError(f"With several inputs each needs its modality, as in flair={text}.")
    return named_images(texts)


def output_folder(text: str) -> Path:
    """The folder of --output. Raises SettingsError if it is empty, as from an unset variable."""
    if not text.strip():
        raise SettingsError("--output is empty; name a folder for the results.")
    return Path(text)
