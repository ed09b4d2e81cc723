"""What holds for every test of a session. A conftest.py takes the hook by importing it."""

from __future__ import annotations

import gc
import os


def pytest_collection_finish() -> None:
    """Collections of garbage, which some tests ask for, pass by what the modules have loaded; and nothing waits for
    the disk, since what a test has written need not outlast this machine."""
    gc.collect()
    gc.freeze()
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
