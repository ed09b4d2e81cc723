"""`anofpdm detect --cases`, as several test files call it."""

from __future__ import annotations

import shutil
from pathlib import Path

from command_line import CommandLine, Outcome, check_refusal, snapshot

from anofpdm.results.detection import RESULT_FILES

FILES = set(RESULT_FILES)


class Table:
    """`anofpdm detect --cases` with a table written for the test."""

    def __init__(self, command: CommandLine, model: Path, head: Path, folder: Path) -> None:
        self.command, self.model, self.folder = command, model, folder
        self.path, self.output = folder / "cases.csv", folder / "out"
        shutil.copy(head, folder / "head.nii.gz")

    def run(self, text: str | bytes, *options: str, progress: str = "none") -> Outcome:
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        call = ("detect", "--cases", self.path, "--model", self.model, "--output", self.output, *options)
        return self.command(*call, "--progress", progress)

    def refused(self, text: str | bytes, words: str) -> None:
        before = snapshot(self.folder)
        outcome = self.run(text)
        check_refusal(outcome, words)
        assert outcome.out == ""
        after = snapshot(self.folder)
        assert after.pop("cases.csv") is not None
        assert after == before

    def times(self) -> dict[str, int]:
        return {path.parent.name: path.stat().st_mtime_ns for path in self.output.glob("*/findings.json")}
