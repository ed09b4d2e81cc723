"""An exclusive lock on an output directory, released by the system even if the run is killed."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from .errors import OutputInUse

LOCK_FILE = ".anofpdm-lock"

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class DirectoryLock:
    """Holds `.anofpdm-lock` inside a directory; the file is removed on release."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_FILE
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock without waiting. Raises OutputInUse if another run holds it, OSError otherwise."""
        while self._descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _try_lock(descriptor)
                # The holder before us may have removed the file after we opened it; a lock on a
                # removed file keeps nobody out, so take the one that is there now.
                if self._is_current(descriptor):
                    self._descriptor = descriptor
            except OSError as error:
                if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
                    raise OutputInUse(
                        f"Another run is writing to {self._path.parent}; wait for it or choose another output folder."
                    ) from error
                raise
            finally:
                if self._descriptor is None:
                    os.close(descriptor)

    def release(self) -> None:
        """Give the lock back; harmless if it is not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        # POSIX removes the file while the lock still holds; Windows can only remove a closed file,
        # and refuses while another run has it open, which is then that run's to remove.
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        os.close(descriptor)
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False
