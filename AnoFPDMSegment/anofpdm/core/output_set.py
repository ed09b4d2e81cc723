"""Write all files of a result, or none of them.

Files are first written into a hidden work folder inside the target directory, flushed to disk, and
only then exchanged for older files of the same names (`Exchange`). What a crash interrupts is undone,
or finished once it was committed, by the next run. A lock keeps a second run out of the directory meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType

from .directory_lock import DirectoryLock
from .errors import DiskFull, OutputError
from .exchange import Exchange, flush
from .full_disk import is_full_disk

Writer = Callable[[Path], object]
"""Writes one file to the path it is given; must raise OSError or OutputError if it cannot."""

_WORK_PREFIX = ".anofpdm-work-"
_ATTEMPTS = 20


class OutputSet:
    """The target directory of one run, created if needed and locked while the context is open.

    Entering fails early (OutputError) if the path is a file, cannot be written to, or is in use by
    another run (OutputInUse); it also undoes or finishes what a crashed run left half exchanged.
    Leaving removes the directories that entering made, if nothing was written into them.

        with OutputSet("results") as output:
            ...  # the long computation
            output.write({"heatmap.nrrd": lambda path: write_heatmap(path, score, geometry)})
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory).absolute()
        self._made: list[Path] = []
        self._lock: DirectoryLock | None = None

    def __enter__(self) -> OutputSet:
        try:
            self._hold()
            self._recover()
            # Opening the lock may succeed where creating files does not (a full disk, a quota).
            os.rmdir(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=self.directory))
        except BaseException as error:
            self._leave()
            if isinstance(error, OSError | ValueError):
                raise _output_error(error, self.directory) from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    def write(self, writers: Mapping[str, Writer], *, without: Collection[str] = ()) -> list[Path]:
        """Write every file of the set whole, or leave the directory as it was.

        writers: file name to the function that writes it, called in this order. without: names of
        older files that go as the new ones come. Returns the final paths. Raises OutputError; an
        exception of a writer that is no OSError passes unchanged after everything is restored.
        """
        if self._lock is None:
            raise RuntimeError("OutputSet.write is called inside the 'with' block")
        for name in (*writers, *without):
            if not name or name.startswith(".") or name != os.path.basename(name) or "\\" in name:
                raise ValueError(f"{name!r} is not a plain file name")
            if (self.directory / name).is_dir() and not (self.directory / name).is_symlink():
                raise OutputError(f"{self.directory / name} is a folder; move it away or choose another output folder.")
        work: Path | None = None
        try:
            work = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=self.directory))
            exchange = Exchange(work)
            exchange.prepare()
            self._write_new(exchange.new, writers)
            exchange.run(list(writers), without)
        except OSError as error:
            raise _output_error(error, self.directory) from error
        finally:
            # While files are on their way the work folder may hold the only copy of them.
            if work is not None and not Exchange(work).pending:
                shutil.rmtree(work, ignore_errors=True)
        return [self.directory / name for name in writers]

    def _write_new(self, folder: Path, writers: Mapping[str, Writer]) -> None:
        for name, writer in writers.items():
            path = folder / name
            writer(path)
            if not path.is_file() or path.stat().st_size == 0:
                raise OutputError(f"{name} could not be written to {self.directory}; check the disk and try again.")
            flush(path)

    def _hold(self, attempts: int = _ATTEMPTS) -> None:
        try:
            self._make_directories()
            self._lock = DirectoryLock(self.directory)
            self._lock.acquire()
        except FileNotFoundError:
            # A run that made the folder and wrote nothing took it away between two of these steps.
            if attempts <= 1:
                raise
            self._leave()
            self._hold(attempts - 1)

    def _recover(self) -> None:
        # The lock is held, so every work folder here belongs to a run that is dead.
        for work in sorted(self.directory.glob(f"{_WORK_PREFIX}*")):
            if work.is_dir() and not work.is_symlink():
                Exchange(work).recover()
                shutil.rmtree(work, ignore_errors=True)

    def _make_directories(self) -> None:
        missing: list[Path] = []
        path = self.directory
        while not path.exists():
            missing.append(path)
            path = path.parent
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(path))
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.insert(0, path)

    def _leave(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        for path in self._made:
            # Refused by the system as soon as anything lies in it: results, or files of others.
            with contextlib.suppress(OSError):
                path.rmdir()
        self._made = []


def write_output_set(
    directory: str | Path, writers: Mapping[str, Writer], *, without: Collection[str] = ()
) -> list[Path]:
    """Write the files of one result whole or not at all; see `OutputSet.write`."""
    with OutputSet(directory) as output:
        return output.write(writers, without=without)


def write_files(directory: str | Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write files of known content, by name, whole or not at all; see `OutputSet.write`."""

    def writer(content: bytes) -> Writer:
        return lambda path: path.write_bytes(content)

    return write_output_set(directory, {name: writer(content) for name, content in contents.items()})


def recover(directory: str | Path) -> None:
    """Undo or finish what a killed run left half exchanged in a folder of results, before they are read.

    Raises OutputError if that is not possible, OutputInUse if the run lives.
    """
    try:
        left = any(Path(directory).glob(f"{_WORK_PREFIX}*"))
    except (OSError, ValueError):
        return  # reading it will say what is wrong
    if left:
        check_output_directory(directory)


def check_output_directory(directory: str | Path) -> None:
    """Raise OutputError if results could not be written to `directory`; leaves no trace.

    For use before a long run: the path is a file, lies below one, is read-only, is too long, the
    disk is full, or another run is writing there.
    """
    with OutputSet(directory):
        pass


def _output_error(error: OSError | ValueError, directory: Path) -> OutputError:
    if isinstance(error, ValueError):
        return OutputError(f"{str(directory)!r} is not a valid path; choose another output folder.")
    code = error.errno
    if is_full_disk(error):
        return DiskFull(f"The disk of {directory} is full; free some space or choose another output folder.")
    if code == errno.EFBIG:
        text = (
            f"A result is larger than the file size allowed in {directory};"
            " raise the limit or choose another output folder."
        )
    elif code == errno.ENAMETOOLONG or getattr(error, "winerror", None) == 206:
        text = f"The path {_shortened(directory)} is too long; choose an output folder with a shorter path."
    elif code in (errno.ENOTDIR, errno.EEXIST):
        text = f"{directory} is a file or lies below one; choose a folder for the output."
    elif code == errno.EROFS:
        text = f"{directory} lies on a read-only disk; choose another output folder."
    elif code in (errno.EACCES, errno.EPERM):
        text = (
            f"{directory} cannot be written to (no permission, or a file in it is open in another program);"
            " close it or choose another output folder."
        )
    else:
        reason = error.strerror or type(error).__name__
        text = f"The results could not be written to {directory} ({reason}); choose another output folder."
    return OutputError(text)


def _shortened(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 120 else f"{text[:60]}...{text[-40:]}"
