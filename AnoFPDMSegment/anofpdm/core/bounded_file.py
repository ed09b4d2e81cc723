"""Files that come from anywhere: nothing is waited for, or taken into memory before its length is known."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def require_regular(path: Path) -> int:
    """The size of a file. Raises OSError where there is none, and for pipes and devices, whose end may never come."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
    return status.st_size


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read its bytes. Raises OSError as `require_regular` does."""
    require_regular(path)
    return path.open("rb")


def read_at_most(path: Path, most: int) -> bytes:
    """The whole content of a file. Raises OSError as `require_regular` does, ValueError if it is longer than `most`."""
    with open_regular(path) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is longer than {most:,} bytes")
    return content


def read_text_at_most(path: Path, most: int) -> str:
    """The same as UTF-8 text, a byte-order mark left out. Raises OSError, ValueError (also where it is not UTF-8)."""
    return read_at_most(path, most).decode("utf-8-sig")
