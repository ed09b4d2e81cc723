"""Entry of the command line: parse, dispatch, and turn every failure into one sentence and an exit status."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

from .. import __version__
from ..core.errors import AnoFPDMError
from ..core.exit_statuses import EXIT_STATUSES
from ..core.failures import describe_failure
from ..core.private_folder import sweep
from ..core.reporting import complain, one_line
from ..core.run_log import LOGGER
from ..core.run_options import add_run_options, as_told
from . import (
    adjust,
    bench,
    calibrate,
    calibrate_gate,
    compare,
    completion,
    detect,
    evaluate,
    follow,
    manifest,
    models,
    render,
    train,
)
from .interruption import termination_interrupts

_NO_NUMBER = re.compile(r"argument (\S+): invalid (int|float) value: (.*)", re.DOTALL)
_NUMBERS = {"int": "whole number", "float": "number"}
_COMMANDS = (
    detect,
    follow,
    adjust,
    compare,
    models,
    manifest,
    render,
    train,
    calibrate,
    calibrate_gate,
    evaluate,
    bench,
)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong call in one sentence instead of the whole usage text."""

    def error(self, message: str) -> NoReturn:
        message = _NO_NUMBER.sub(lambda found: f"{found[1]} takes a {_NUMBERS[found[2]]}, not {found[3]}", message)
        self.exit(2, f"{self.prog}: {one_line(message)}; see {self.prog} --help.\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; imports neither torch nor the models."""
    parser = _Parser(
        prog="anofpdm",
        description="Find where a brain MRI departs from healthy, with AnoFPDM. "
        "Research use only, not for clinical diagnosis.",
        epilog="exit status: " + "; ".join(f"{status} {meaning}" for status, meaning in EXIT_STATUSES.items()),
    )
    parser.add_argument("--version", action="version", version=f"anofpdm {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    for each in leaves(parser):
        add_run_options(each)
    return parser


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of the commands that do something, such as `detect` and `models list`."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for each in action.choices.values():
            yield from leaves(each)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    _prepare_streams()
    # Before torch is loaded: threads that spin while they wait slow a busy machine down several times.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    parser = build_parser()
    completion.complete(leaves(parser), parser)
    options = parser.parse_args(arguments)
    try:
        with as_told(options, sys.argv[1:] if arguments is None else arguments):
            return _logged(options)
    except (AnoFPDMError, OSError) as error:
        message, status = describe_failure(error)
        return _fail(options, message, status)


def _logged(options: argparse.Namespace) -> int:
    status = _run(options)
    LOGGER.info("exit status %d: %s", status, EXIT_STATUSES.get(status, "other"))
    return status


def _run(options: argparse.Namespace) -> int:
    try:
        with contextlib.suppress(OSError):
            sweep()  # what a killed run left of a patient
        with termination_interrupts():
            status: int = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read our output is gone: nobody is left to tell.
        _discard_output()
        return 1
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last resort: a sentence, details on request
        message, status = describe_failure(error)
        expected = isinstance(error, AnoFPDMError | KeyboardInterrupt)
        LOGGER.log(logging.DEBUG if expected else logging.INFO, "where it happened:", exc_info=error)
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()
        return _fail(options, message, status)


def _prepare_streams() -> None:
    """Programs without a console have no streams, and file names may hold what a stream cannot encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the rest of the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Keep the interpreter from complaining again when it closes standard output."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(options: argparse.Namespace, message: str, status: int) -> int:
    reporter = getattr(options, "reporter", None)
    try:
        if reporter is not None:
            reporter.error(message, status)
        else:
            complain(message)
    except OSError:
        with contextlib.suppress(OSError):
            complain(message)
    return status
