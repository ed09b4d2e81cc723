"""New files take the place of older ones: all of them or none, wherever the process or the machine stops.

All of it happens from a work folder on the same disk. `new` holds the new files, `old` takes the older ones, the
journal says which they are. The exchange is committed by the file `commit`: from then on the new files count, and
whoever finds the work folder finishes what was begun. Without it the older files are put back.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path

_JOURNAL = "journal.json"
_COMMIT = "commit"


class Exchange:
    """The exchange between a work folder and the directory that it lies in."""

    def __init__(self, work: Path) -> None:
        self.new = work / "new"
        """Where the new files are written, by their names."""
        self._work = work
        self._old = work / "old"
        self._directory = work.parent

    @property
    def pending(self) -> bool:
        """Whether files may be on their way, so that the work folder must not be removed."""
        return (self._work / _JOURNAL).exists()

    def prepare(self) -> None:
        """Make the folders. Raises OSError."""
        self.new.mkdir()
        self._old.mkdir()

    def run(self, names: Sequence[str], without: Collection[str]) -> None:
        """Put the new files `names` into the directory; older files `without` go. After an error all is as it was.

        Raises OSError.
        """
        there = {name for name in (*names, *without) if os.path.lexists(self._directory / name)}
        flush_directory(self.new)
        self._write_journal(
            {
                "replaced": [name for name in names if name in there],
                "added": [name for name in names if name not in there],
                "removed": [name for name in without if name in there],
            }
        )
        try:
            (self._work / _COMMIT).touch()
            flush_directory(self._work)
            self._finish()
        except BaseException:
            self._undo()
            raise

    def recover(self) -> None:
        """Finish, or undo, what a dead process left; nothing where it had not begun. Raises OSError."""
        if not self.pending:
            return
        if (self._work / _COMMIT).exists() and not self._is_in_the_way():
            self._finish()
        else:
            self._undo()

    def _write_journal(self, record: dict[str, list[str]]) -> None:
        draft = self._work / f"{_JOURNAL}.part"
        draft.write_text(json.dumps(record), encoding="utf-8")
        flush(draft)
        os.replace(draft, self._work / _JOURNAL)
        flush_directory(self._work)
        # The work folder itself, which everything hangs on.
        flush_directory(self._directory)

    def _read_journal(self) -> dict[str, list[str]]:
        record: dict[str, list[str]] = json.loads((self._work / _JOURNAL).read_text(encoding="utf-8"))
        return record

    def _is_in_the_way(self) -> bool:
        """Whether a file of somebody else came, after the crash, to where a new one belongs."""
        added = self._read_journal()["added"]
        return any(os.path.lexists(self.new / name) and os.path.lexists(self._directory / name) for name in added)

    def _finish(self) -> None:
        """From wherever it was left: new files arrive only when all older ones are away."""
        journal = self._read_journal()
        leaving = [name for name in journal["replaced"] if os.path.lexists(self.new / name)] + journal["removed"]
        for name in leaving:
            if not os.path.lexists(self._old / name):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(self._directory / name, self._old / name)
        for name in (*journal["replaced"], *journal["added"]):
            if os.path.lexists(self.new / name):
                os.replace(self.new / name, self._directory / name)
        self._end()

    def _undo(self) -> None:
        """From wherever it was left."""
        if not self.pending:
            return
        (self._work / _COMMIT).unlink(missing_ok=True)
        flush_directory(self._work)
        for name in self._read_journal()["added"]:
            # A name still among the new files never reached the directory.
            if not os.path.lexists(self.new / name):
                (self._directory / name).unlink(missing_ok=True)
        for old in sorted(self._old.iterdir()):
            os.replace(old, self._directory / old.name)
        self._end()

    def _end(self) -> None:
        """The journal goes before anything else of the work folder: without it nothing is finished or undone again."""
        flush_directory(self._directory)
        os.unlink(self._work / _JOURNAL)
        flush_directory(self._work)


def flush(path: Path) -> None:
    """To the disk. Raises OSError."""
    with open(path, "r+b") as stream:
        os.fsync(stream.fileno())


def flush_directory(path: Path) -> None:
    """Its names to the disk. Raises OSError."""
    if os.name == "nt":
        return  # Windows has no handle of a directory to flush
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
