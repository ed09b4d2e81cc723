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


@dataclass(frozen=True)
class Owner:
    """Whose options these are: a method's, or those of one stage of its training or of its calibration."""

    name: str
    """As messages say it."""
    method: str
    knobs: tuple[Knob, ...]


def add_knobs(parser: argparse.ArgumentParser, *groups: KnobGroup) -> None:
    """Every method's options of these kinds.

    An option that several methods have is one option, in the group of the first; each reads it in its own way.
    """
    wanted = [(method.name, knob) for method in _in_order() for knob in method.knobs]
    places = {group.live: parser.add_argument_group(group.title, group.description) for group in groups}
    there: set[str] = set()
    for _, knob in wanted:
        if knob.live in places and knob.name not in there:
            there.add(knob.name)
            same = [(m, k) for m, k in wanted if k.name == knob.name and k.live in places]
            _add(places[knob.live], same)


def add_owned(parser: argparse.ArgumentParser, owners: Sequence[Owner], title: str) -> None:
    """The owners' options, grouped by the methods that have them, named behind `title`; one that several have is one
    option."""
    groups: dict[str, Any] = {}
    for name in dict.fromkeys(knob.name for owner in owners for knob in owner.knobs):
        same = [(owner, knob) for owner in owners for knob in owner.knobs if knob.name == name]
        whose = ", ".join(dict.fromkeys(owner.method for owner, _ in same))
        if whose not in groups:
            groups[whose] = parser.add_argument_group(f"{title} {whose}")
        _add(groups[whose], [(owner.method, knob) for owner, knob in same])


def _add(group: Any, same: Sequence[tuple[str, Knob]]) -> None:
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
    others = [f"{name}: {other.help}" for name, other in same[1:] if other.help != knob.help]
    text = "; ".join([knob.help, *dict.fromkeys(others)])
    choices = None
    if all(other.choices for _, other in same):
        choices = list(dict.fromkeys(choice for _, other in same for choice in other.choices))
    metavar = knob.metavar or (None if choices else knob.name.upper())
    group.add_argument(knob.flag, dest=place, metavar=metavar, choices=choices, help=text)


def given_knobs(options: argparse.Namespace, method: Method, *, live: bool) -> dict[str, Any]:
    """The values of the method's knobs among the options. Raises SettingsError for a value that cannot be, and for an
    option that is another method's."""
    live_ones = {knob.name for knob in method.knobs if knob.live}
    values = values_of(options, _owner(method), [_owner(each) for each in _in_order()])
    return {name: value for name, value in values.items() if (name in live_ones) == live}


def values_of(options: argparse.Namespace, owner: Owner, owners: Sequence[Owner]) -> dict[str, Any]:
    """The values of the owner's knobs among the options; those not given are absent.

    Raises SettingsError for a value that cannot be, and for an option that others of the owners have instead.
    """
    own = {knob.name: knob for knob in owner.knobs}
    values: dict[str, Any] = {}
    for place, text in vars(options).items():
        name = place.removeprefix(_PLACE)
        if text is None or name == place:
            continue
        if name not in own:
            have = [(knob.flag, each.name) for each in owners for knob in each.knobs if knob.name == name]
            whose = " and ".join(each for _, each in have)
            raise SettingsError(f"{have[0][0]} is an option of {whose}, not of {owner.name}; leave it out.")
        values[name] = own[name].value(text) if isinstance(text, str) else text.value
    return values


def _owner(method: Method) -> Owner:
    return Owner(method.name, method.name, method.knobs)


def is_knob(name: str) -> bool:
    """Whether argparse keeps a knob's value under this name."""
    return name.startswith(_PLACE)


def check_knobs(options: argparse.Namespace) -> None:
    """Raises SettingsError for a value that no method can read: it is wrong whatever the model is."""
    for name, text in vars(options).items():
        if is_knob(name) and isinstance(text, str):
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


def _in_order() -> Iterator[Method]:
    return iter(methods().values())


def add_overlay_option(parser: Any) -> None:
    """Whether overlay.png is drawn."""
    parser.add_argument(
        "--no-overlay", dest="overlay", action="store_false", help="leave out overlay.png, the only file to need Pillow"
    )


def add_force_option(parser: Any) -> None:
    """Whether findings are shown that the gate would withhold."""
    parser.add_argument(
        "--force",
        action="store_true",
        help="show what is found even if the image is unlike those that the model knows (gate red); without it only "
        "heatmap, findings and evidence are written then, marked as withheld, and the exit status is 7",
    )


def option_images(texts: list[str]) -> str | dict[str, str]:
    """The volumes of --input: a path by modality, each NAME=PATH, or one PATH. Raises InputError."""
    return input_images(texts) if len(texts) == 1 and not _NAMED.fullmatch(texts[0]) else named_images(texts)


def named_images(texts: list[str]) -> dict[str, str]:
    """Volumes given as options, a path by modality, each NAME=PATH. Raises InputError."""
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
