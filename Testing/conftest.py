"""What holds for every test."""

from __future__ import annotations

import os


def pytest_configure() -> None:
    """Nothing waits for the disk: what a test has written need not outlast this machine."""
    os.fsync = lambda descriptor: None  # type: ignore[assignment]
