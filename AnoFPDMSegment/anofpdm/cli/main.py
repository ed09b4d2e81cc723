"""Entry of the command line: parse, dispatch, and turn every failure into one sentence and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from ..errors import AnoFPDMError
from . import adjust, compare, detect, models

UNEXPECTED = 70
DEBUG_VARIABLE = "ANOFPDM_DEBUG"

_COMMANDS = (detect, adjust, compare, models)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong call in one sentence instead of the whole usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help.\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; imports neither torch nor the models."""
    parser = _Parser(
        prog="anofpdm",
        description="Find where a brain MRI departs from healthy, with AnoFPDM. "
        "Research use only, not for clinical diagnosis.",
    )
    parser.add_argument("--version", action="version", version=f"anofpdm {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except AnoFPDMError as error:
        return _fail(options, str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever read our output is gone; the interpreter must not complain again while closing it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _fail(options, "The run was cancelled; nothing was written.", 130)
    except MemoryError:
        return _fail(options, "Memory ran out; close other programs or use a machine with more memory.", 6)
    except Exception as error:  # noqa: BLE001 - the last resort: a sentence for the user, details on request
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return _fail(
            options,
            f"An unexpected error ended the run ({what}); set {DEBUG_VARIABLE}=1 for details and report it.",
            UNEXPECTED,
        )


def _fail(options: argparse.Namespace, message: str, status: int) -> int:
    report = getattr(options, "reporter", None)
    if report is not None:
        report.error(message, status)
    else:
        print(f"anofpdm: {message}", file=sys.stderr)
    return status
