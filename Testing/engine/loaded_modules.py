"""What the tests' modules have loaded stays. A conftest.py takes the hook by importing it."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Collections of garbage, which some tests ask for, pass it by."""
    gc.collect()
    gc.freeze()
