"""Work in a process that dies before one of its steps, without any clean-up of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

NEEDS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
STEPS = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "half-written"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
DIED = 9

Step = tuple[str, tuple[object, ...]]
"""An event of `sys.addaudithook` that changes a disk: files opened for writing, made, renamed and removed."""


def dies(work: Callable[[], object], before: Callable[[Step], bool]) -> bool:
    """Do `work` in a fork that dies before the step for which `before` is true; False if there is none."""
    child = os.fork()
    if child == 0:
        # A module that is first imported there would be kept compiled, which is no step of the work.
        sys.dont_write_bytecode = True

        def look(event: str, arguments: tuple[object, ...]) -> None:
            opened = event == "open" and int(str(arguments[2])) & WRITING and arguments[0] != os.devnull
            if (event in STEPS or opened) and before((event, arguments)):
                os._exit(DIED)

        try:
            sys.addaudithook(look)
            work()
        except BaseException:  # noqa: BLE001 - the fork must not go on with the tests
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, DIED), status
    return status == DIED


def dies_before(number: int, work: Callable[[], object]) -> bool:
    """The same for the step of this number, from 0."""
    left = number

    def is_it(step: Step) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    return dies(work, is_it)
