"""Methods for the conformance tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from method_fixtures import method_models, other_package  # noqa: F401


@pytest.fixture(scope="session", autouse=True)
def installed(other_package: Path) -> None:  # noqa: F811
    """The other package is there, whatever a test asks for."""


@pytest.fixture(scope="session")
def models(method_models: dict[str, Path]) -> dict[str, Path]:  # noqa: F811
    """A model folder by method."""
    return method_models
