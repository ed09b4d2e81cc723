"""Of all tests."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """What the tests' modules have loaded stays: collections of garbage, which some tests ask for, pass it by."""
    gc.collect()
    gc.freeze()
