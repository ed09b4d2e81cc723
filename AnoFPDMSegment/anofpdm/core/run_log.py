"""What a command logs, by Python's logging: a file with time stamps, and on request standard error. Torch-free.

Everything that people are told goes to the logger `anofpdm` as well; `already_told` marks it, so that it is not shown
twice.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .errors import OutputError
from .plain_text import printable

LOGGER = logging.getLogger("anofpdm")
# Without a handler of its own Python would print warnings a second time.
LOGGER.addHandler(logging.NullHandler())

_FORMAT = "%(asctime)s %(levelname)s %(message)s"
_STAMP = re.compile(rb"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{4} [A-Z]+ ")


def already_told(level: int, message: str) -> None:
    """Log what people see anyway."""
    LOGGER.log(level, "%s", message, extra={"told": True})


@contextlib.contextmanager
def command_log(file: Path | None, *, verbose: bool = False) -> Iterator[None]:
    """While the block runs, what is logged goes to the end of `file`, and if `verbose` to standard error.

    The file takes everything down to debugging, libraries' warnings too; standard error what is not shown there anyway.
    Raises OutputError if the file cannot be written to or is no log.
    """
    handlers: list[tuple[logging.Logger, logging.Handler]] = []
    if file is not None:
        handlers.append((logging.getLogger(), _log_file(file)))
    if verbose:
        shown = logging.StreamHandler(sys.stderr)
        shown.setLevel(logging.INFO)
        shown.addFilter(lambda record: not getattr(record, "told", False))
        shown.setFormatter(_stamped())
        handlers.append((LOGGER, shown))
    before = LOGGER.level
    if handlers:
        LOGGER.setLevel(logging.DEBUG)
    for logger, handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.setLevel(before)
        for logger, handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def _log_file(path: Path) -> logging.Handler:
    try:
        begins = b""
        if path.is_file():
            with open(path, "rb") as stream:
                begins = stream.read(64)
        if begins and _STAMP.match(begins) is None:
            raise OutputError(f"{path} holds something else than a log; name another file with --log-file.")
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"The log file {path} cannot be written to ({error.strerror}); name another with --log-file."
        ) from error
    handler.setFormatter(_stamped())
    return handler


class _LogFile(logging.FileHandler):
    """Says once if it cannot go on; the run does."""

    _failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        self._complain(sys.exc_info()[1])

    def close(self) -> None:
        try:
            super().close()
        except OSError as error:
            self._complain(error)

    def _complain(self, error: BaseException | None) -> None:
        if self._failed:
            return
        self._failed = True
        reason = getattr(error, "strerror", None) or "writing failed"
        print(f"anofpdm: The log file {self.baseFilename} is not whole ({reason}); the run goes on.", file=sys.stderr)


def _stamped() -> logging.Formatter:
    return _OneLine(_FORMAT, "%Y-%m-%dT%H:%M:%S%z")


class _OneLine(logging.Formatter):
    """Names of files may hold what begins a line; a traceback keeps its lines, each behind a bar."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record)).replace("\n", "\n    | ")
