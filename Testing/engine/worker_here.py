"""Workers that start with the answer: what is asked of them is carried out in this process, which has PyTorch already.

For tests of what is asked of a worker and what is made of its answer; processes are what other tests of theirs have.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from anofpdm.app.worker import process
from anofpdm.cli.main import main

_TELL = 'cat "$1"; cat "$2" >&2; exit "$3"'
_ENGINE = ["-m", "anofpdm"]

Carry = Callable[[list[str]], int]
"""Carries out the arguments of `python -m anofpdm`; returns the exit status, or ends as the command line does."""


@dataclass(frozen=True)
class WorkerHere:
    """Takes the place of `anofpdm.app.worker.process.start_process`; what is not the engine's is a real process."""

    carry: Carry
    folder: Path
    """For what is said."""

    def __call__(self, command: Sequence[str], environment: Mapping[str, str], place: Path) -> subprocess.Popen[bytes]:
        arguments = list(command[1:])
        if arguments[:2] != _ENGINE:
            return _REAL(command, environment, place)
        said = (self.folder / "said", self.folder / "complained")
        status = self._status([each for each in arguments[2:] if each != "--watch-stdin"], environment, said)
        call = ["/bin/sh", "-c", _TELL, "sh", *map(str, said), str(status)]
        return _REAL(call, environment, place)

    def _status(self, arguments: list[str], environment: Mapping[str, str], said: tuple[Path, Path]) -> object:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name, value in environment.items():
                patch.setenv(name, value)
            try:
                status: object = self.carry(arguments)
            except SystemExit as end:
                status = end.code
        for path, text in zip(said, (out, err), strict=True):
            path.write_text(text.getvalue(), encoding="utf-8")
        return status


def carry_out_here(monkeypatch: pytest.MonkeyPatch, folder: Path, carry: Carry = main) -> None:
    """From now on; on Windows, where nobody tells, real workers do it."""
    if os.name != "nt":
        monkeypatch.setattr(process, "start_process", WorkerHere(carry, folder))


_REAL: Any = process.start_process
