"""Completion in the shell, by argcomplete: the extra 'completion'."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from typing import Any

from ..methods.registry import methods
from ..store.model_search import list_models

ASKED = "_ARGCOMPLETE"
"""The shell sets it when it asks what may follow."""


def complete(parsers: Iterable[argparse.ArgumentParser], parser: argparse.ArgumentParser) -> None:
    """If it is a shell that asks, answer it and end; otherwise do nothing. `parsers`: of the commands of `parser`."""
    if ASKED not in os.environ:
        return
    try:
        import argcomplete
        from argcomplete.completers import FilesCompleter
    except ImportError:
        # What is typed so far must not run now.
        sys.exit(1)
    files = FilesCompleter()

    def model_names(prefix: str, **_: Any) -> list[str]:
        return [*(entry.name for entry in list_models()), *files(prefix)]

    completers = {"model": model_names, "method": lambda **_: list(methods())}
    for each in parsers:
        for action in each._actions:
            if action.dest in completers:
                action.completer = completers[action.dest]  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)
