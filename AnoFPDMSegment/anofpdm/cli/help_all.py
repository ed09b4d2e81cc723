"""Two helps of one command: `--help` with what a user needs; `--help-all` with all, methods' options by owner."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from typing import Any

from ..methods.knobs import Knob
from ..methods.registry import methods

KNOB_PLACE = "knob of "
"""Before the name of a knob, where argparse keeps it (see `options`)."""
ADJUSTABLE = "can be changed later with adjust"


def add_help_all(parser: argparse.ArgumentParser, shown: Collection[str], usage: str) -> None:
    """Add `--help-all`; `--help` keeps what argparse stores under the names `shown`, and `usage`. To be called last."""
    shown = {*shown, "help"}
    hidden = {action: action.help for action in parser._actions if action.dest not in shown}
    for action in hidden:
        action.help = argparse.SUPPRESS
    titles = {}
    for group in parser._action_groups:
        if all(action in hidden for action in group._group_actions):
            titles[group] = (group.title, group.description)
            group.title = group.description = None
    parser.usage = usage
    parser.add_argument("--help-all", action=_HelpAll, nargs=0, hidden=hidden, titles=titles, help="show every option")


class _HelpAll(argparse.Action):
    """Prints the whole help and ends."""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        """`hidden` and `titles`: what the short help left out, by action and by group."""
        self._hidden: dict[argparse.Action, str | None] = kwargs.pop("hidden")
        self._titles: dict[Any, tuple[str | None, str | None]] = kwargs.pop("titles")
        super().__init__(option_strings, argparse.SUPPRESS, default=argparse.SUPPRESS, **kwargs)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        for action, text in self._hidden.items():
            action.help = text
        parser.usage = None
        _group_by_owner(parser)
        for group, (title, description) in self._titles.items():
            if group._group_actions:
                group.title, group.description = title, description
        parser.print_help()
        parser.exit()


def _group_by_owner(parser: argparse.ArgumentParser) -> None:
    """Move the methods' options into groups, one for each set of methods that have them."""
    every = methods()
    groups: dict[str, Any] = {}
    for old in list(parser._action_groups):
        for action in [each for each in old._group_actions if each.dest.startswith(KNOB_PLACE)]:
            name = action.dest.removeprefix(KNOB_PLACE)
            owned = [(method.name, knob) for method in every.values() for knob in method.knobs if knob.name == name]
            title = "of every method" if len(owned) == len(every) else f"of {', '.join(each for each, _ in owned)}"
            if title not in groups:
                groups[title] = parser.add_argument_group(f"options {title}")
            old._group_actions.remove(action)
            groups[title]._group_actions.append(action)
            text = (action.help or "") if owned[0][1].switches else _text(owned)
            now = [each for each, knob in owned if knob.live]
            if now:
                text += f" ({ADJUSTABLE})" if len(now) == len(owned) else f" ({ADJUSTABLE}: {', '.join(now)})"
            action.help = text


def _text(owned: Sequence[tuple[str, Knob]]) -> str:
    """The help of a knob; where methods say different things of it, which says what."""
    texts: dict[str, list[str]] = {}
    for name, knob in owned:
        texts.setdefault(knob.help, []).append(name)
    if len(texts) == 1:
        return owned[0][1].help
    return "; ".join(f"{text} ({', '.join(names)})" for text, names in texts.items())
