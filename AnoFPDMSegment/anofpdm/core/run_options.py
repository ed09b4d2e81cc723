"""The options that every command has: how much it says, and where it is written down."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import __version__
from .errors import OutputError, SettingsError
from .run_log import LOGGER, command_log


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add -q, -v and --log-file."""
    group = parser.add_argument_group("what is said")
    either = group.add_mutually_exclusive_group()
    either.add_argument("-q", "--quiet", action="store_true", help="warnings and errors alone: no outcome, no progress")
    either.add_argument("-v", "--verbose", action="store_true", help="what is done, with times, on standard error")
    group.add_argument(
        "--log-file",
        metavar="FILE",
        help="add all of it, with times, to the end of FILE; it holds names of files, perhaps a patient's",
    )


@contextlib.contextmanager
def as_told(options: argparse.Namespace, arguments: Sequence[str]) -> Iterator[None]:
    """Quiet, verbose and logged as the options of `add_run_options` say, while the block runs.

    Raises SettingsError for options that contradict each other, OutputError if the log cannot be written.
    """
    if options.quiet and getattr(options, "progress", None) == "json":
        raise SettingsError("--progress json is for programs that read standard output; leave --quiet out.")
    if options.log_file is not None and not options.log_file.strip():
        raise OutputError("--log-file is empty; name a file for the log.")
    with contextlib.ExitStack() as stack:
        file = None if options.log_file is None else Path(options.log_file)
        stack.enter_context(command_log(file, verbose=options.verbose))
        if options.quiet:
            if hasattr(options, "progress"):
                options.progress = "none"
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        LOGGER.info("anofpdm %s, Python %s", __version__, sys.version.split()[0])
        # The names of what is examined are what --anonymous keeps to itself.
        told = "--anonymous" if getattr(options, "anonymous", False) else shlex.join(arguments)
        LOGGER.info("called with: %s", told)
        yield
