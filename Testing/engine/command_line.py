"""The command line as the tests of bad input call it, and what they expect of every refusal."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from anofpdm.cli.main import main

ENGINE = Path(__file__).resolve().parents[2] / "AnoFPDMSegment"
SAID = re.compile(
    r"anofpdm(?: detect| adjust| compare| manifest| render| train| calibrate| models(?: [a-z-]+)?)?: (.+)"
)
UNEXPECTED = 70
LONGEST_SENTENCE = 700
SECRETS = ("SECRET", "GEHEIM", "19010203", "KLINIKUM")
"""What the patient data of the test images consists of."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The last line on standard error, without the program's name."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        match = SAID.fullmatch(lines[-1]) if lines else None
        assert match is not None, f"no sentence on standard error: {self.err!r}"
        return match.group(1)


class CommandLine:
    """Calls commands in this process, with all that they and the libraries below them print."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: object) -> Outcome:
        self._capture.readouterr()
        try:
            status: object = main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        out, err = self._capture.readouterr()
        assert isinstance(status, int)
        return Outcome(status, out, err)

    def refuses(self, *arguments: object, words: str, folder: Path) -> Outcome:
        """The command ends in one clear sentence that holds `words` (a pattern), and leaves `folder` as it was."""
        before = snapshot(folder)
        outcome = self(*arguments)
        check_refusal(outcome, words)
        assert outcome.out == "", "a refused command has no result to print"
        assert snapshot(folder) == before
        return outcome


@dataclass(frozen=True)
class DetectCalls:
    """`anofpdm detect` with one model, refused both into a new folder and over an earlier result."""

    command: CommandLine
    model: Path
    finished: Path
    folder: Path
    """Everything that the test makes lies here."""

    def refuses(self, *arguments: object, words: str, model: object = None) -> str:
        """Everything below the test's folder stays as it is; returns the sentence."""
        earlier, new = self.folder / "earlier", self.folder / "new" / "result"
        if not earlier.exists():
            shutil.copytree(self.finished, earlier)
        options = ("--model", self.model if model is None else model, "--progress", "none")
        first, second = (
            self.command.refuses("detect", *arguments, *options, "--output", output, words=words, folder=self.folder)
            for output in (new, earlier)
        )
        assert first.sentence.replace(str(new), str(earlier)) == second.sentence
        return second.sentence


def check_refusal(outcome: Outcome, words: str) -> None:
    """One clear sentence, a status that says failure, no traceback, no patient data."""
    assert outcome.status not in (0, UNEXPECTED), outcome
    sentence = outcome.sentence
    assert re.search(words, sentence), sentence
    assert sentence.endswith((".", "?")) and len(sentence) <= LONGEST_SENTENCE, sentence
    lines = outcome.err.splitlines()
    others = [line for line in lines[:-1] if not line.startswith(("anofpdm: Warning: ", "anofpdm: Memory ran out"))]
    assert others == []
    everything = outcome.out + outcome.err
    assert "Traceback" not in everything
    assert not any(secret in everything for secret in SECRETS)


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, hidden files included: content of files, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def run_process(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """`python -m anofpdm` in a process of its own; `options` go to `subprocess.run`."""
    return run_python("-m", "anofpdm", *arguments, **options)


def run_python(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Python in a process of its own, with the engine on its path and a single thread."""
    settings = {"capture_output": True, "text": True, "env": environment(), **options}
    return subprocess.run([sys.executable, *map(str, arguments)], **settings)  # type: ignore[call-overload]


@contextlib.contextmanager
def heard_interrupts() -> Iterator[None]:
    """Ctrl-C reaches processes that are started meanwhile, even if the tests run in the background of a script: a shell
    then has SIGINT ignored, by everything that is started from there."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def environment(**variables: str) -> dict[str, str]:
    """This process's environment with the engine on Python's path.

    Compiled files are not written: where a test limits the size of files, Python 3.11 leaves them cut off.
    """
    own = {"PYTHONPATH": str(ENGINE), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **own, **variables}
