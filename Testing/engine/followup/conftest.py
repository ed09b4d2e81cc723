"""Fixtures: the follow-up of the bundled pair, by what was found at its baseline before."""

from __future__ import annotations

from pathlib import Path

import pytest
from bundled_fixtures import SAMPLES
from shared_folder import shared_folder

from anofpdm.synthetic.render_follow_up import BASELINE, LATER


@pytest.fixture(scope="session")
def followed_dates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folders `baseline` of a detection and `result` of a follow-up by it; not to be changed."""

    def follow(folder: Path) -> None:
        import torch

        from anofpdm.cli.main import main

        torch.set_num_threads(1)
        told = ["--model", "student", "--progress", "none"]
        baseline = str(folder / "baseline")
        assert main(["detect", str(SAMPLES / BASELINE), "--output", baseline, *told, "--no-overlay"]) == 0
        assert main(["follow", baseline, str(SAMPLES / LATER), "--output", str(folder / "result"), *told]) == 0

    return shared_folder(tmp_path_factory, "followed", follow)


@pytest.fixture(scope="session")
def followed(followed_dates: Path) -> Path:
    """The output folder of the follow-up; not to be changed."""
    return followed_dates / "result"
