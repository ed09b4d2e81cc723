"""Write one file under another name first, so that the file that is there is always whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .exchange import flush


@contextlib.contextmanager
def replaced_file(path: Path, *, flushed: bool = False) -> Iterator[Path]:
    """The path to write to within the block, with the ending of `path`, whose place the file takes when the block ends.

    If it fails, what was written vanishes and the older file stays. `flushed`: wait until the disk has it. Raises
    OSError.
    """
    partial = path.with_name(f"partial_{path.name}")
    try:
        yield partial
        if flushed:
            flush(partial)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
