"""What takes long is made once in a test session, however many processes share its tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def shared_folder(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` of the session, which `make` fills where it is not there yet; not to be changed."""
    base = factory.getbasetemp()
    # Each process of pytest-xdist has a folder of its own in the session's.
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, unfinished = place / name, place / f"{name}-unfinished"
    with FileLock(place / f"{name}.lock"):
        if not folder.exists():
            # Of a process that was ended meanwhile.
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder
