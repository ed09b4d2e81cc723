"""Fixtures: a quick model in place of the bundled ones. A conftest.py takes them by importing them."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bright_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for ANOFPDM_MODELS whose default model, `bright`, is made by hand; not to be changed."""
    import torch
    from bright_model import write_default_model

    torch.set_num_threads(1)
    return write_default_model(tmp_path_factory.mktemp("default"))


@pytest.fixture
def bright_default(bright_place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, with its model the default one, here and in workers."""
    monkeypatch.setenv("ANOFPDM_MODELS", str(bright_place))
    return bright_place
