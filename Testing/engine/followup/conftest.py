"""Fixture: the follow-up of the bundled pair, as the README calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bundled_fixtures import SAMPLES
from shared_folder import shared_folder

from anofpdm.synthetic.render_follow_up import BASELINE, LATER


@pytest.fixture(scope="session")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder; not to be changed."""

    def follow(folder: Path) -> None:
        import torch

        from anofpdm.cli.main import main

        torch.set_num_threads(1)
        volumes = [str(SAMPLES / name) for name in (BASELINE, LATER)]
        told = ["--model", "student", "--progress", "none"]
        assert main(["follow", *volumes, "--output", str(folder / "result"), *told]) == 0

    return shared_folder(tmp_path_factory, "followed", follow) / "result"
