"""Where runs put what they keep of a patient for a while: one private folder of the user, with a folder for each run.

A run removes its folder when it ends. What a killed process leaves behind is swept when the next one starts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from .directory_lock import LOCK_FILE, DirectoryLock
from .errors import OutputError

_PREFIX = "run-"
_MOST_NAMES = 10
_ATTEMPTS = 20
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems say that know no locks."""


class PrivateFolder:
    """An empty folder, held by this process until it is removed."""

    def __init__(self, parent: Path | None = None) -> None:
        """Make it inside the user's folder in `parent` (None: the system's temporary folder). Raises OSError."""
        self._lock: DirectoryLock | None = None
        for _ in range(_ATTEMPTS):
            # A sweep by another process may take either folder away as long as it is not held.
            with contextlib.suppress(FileNotFoundError):
                self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_private_folder(_parent(parent))))
                if self._hold():
                    break
        else:
            raise FileNotFoundError(errno.ENOENT, "No folder could be made", str(_parent(parent)))

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove it with everything in it; what still is in use stays for the next sweep."""
        _remove(self.path, self._lock)
        self._lock = None

    def _hold(self) -> bool:
        """Lock it; False if a sweep was faster. A file system without locks is never swept."""
        lock = DirectoryLock(self.path)
        try:
            lock.acquire()
        except OutputError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return True
        self._lock = lock
        return True


def sweep(parent: Path | None = None) -> None:
    """Remove the folders of runs whose process does not run any more."""
    for ours in _names(_parent(parent)):
        if not _is_private(ours):
            continue
        for folder in ours.glob(f"{_PREFIX}*"):
            lock = DirectoryLock(folder)
            # The system gives the lock back when its holder ends, however it ends.
            with contextlib.suppress(OutputError, OSError):
                lock.acquire()
                _remove(folder, lock)


def _parent(parent: Path | None) -> Path:
    return Path(tempfile.gettempdir()) if parent is None else parent.absolute()


def _names(parent: Path) -> Iterator[Path]:
    """The user's folder, and where to go on if somebody else has taken its name."""
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    for number in range(_MOST_NAMES):
        yield parent / f"AnoFPDM{user}{f'-{number}' if number else ''}"


def _private_folder(parent: Path) -> Path:
    """Made if it is not there. Raises OSError."""
    for path in _names(parent):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        if _is_private(path):
            return path
    raise PermissionError(errno.EACCES, "The temporary folder is full of other users' folders of this name", str(path))


def _is_private(path: Path) -> bool:
    """Whether it is a folder, no link to one, which this user alone can enter."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        return False
    # Windows keeps each user's temporary folder private by itself.
    return not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077)


def _remove(folder: Path, lock: DirectoryLock | None) -> None:
    """The lock's file last: until then nobody else takes the folder for abandoned."""
    with contextlib.suppress(OSError):
        for entry in list(folder.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != LOCK_FILE:
                entry.unlink(missing_ok=True)
    if lock is not None:
        lock.release()
    for emptied in (folder, folder.parent):
        with contextlib.suppress(OSError):
            emptied.rmdir()
