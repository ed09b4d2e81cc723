"""Ctrl-C, SIGTERM and, when asked, the end of standard input set a cancel token."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from ..core.progress import CancelToken


@contextlib.contextmanager
def termination_interrupts() -> Iterator[None]:
    """SIGTERM interrupts like Ctrl-C while the block runs, so that nothing stays half-written."""
    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def cancellation(*, watch_stdin: bool = False) -> Iterator[CancelToken]:
    """A token that is set by signals while the block runs; a second Ctrl-C interrupts at once.

    With `watch_stdin` the end of standard input cancels too: a parent process that dies or closes the
    pipe thereby ends its worker.
    """
    token = CancelToken()

    def on_signal(number: int, frame: FrameType | None) -> None:
        token.cancel()
        signal.signal(number, signal.default_int_handler)

    caught = [signal.SIGINT, signal.SIGTERM]
    previous = {number: signal.signal(number, on_signal) for number in caught} if _in_main_thread() else {}
    if watch_stdin:
        threading.Thread(target=_wait_for_end_of_input, args=(token,), daemon=True).start()
    try:
        yield token
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _wait_for_end_of_input(token: CancelToken) -> None:
    # Unbuffered reads: a daemon thread inside sys.stdin's lock would hinder the interpreter's exit.
    with contextlib.suppress(OSError, ValueError):
        # Without standard input there is nothing to watch: it has ended already.
        while sys.stdin is not None and os.read(sys.stdin.fileno(), 4096):
            pass
    token.cancel()
