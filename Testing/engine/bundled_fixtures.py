"""Fixture: what the bundled model finds in the bundled samples. A conftest.py takes it by importing it."""

from __future__ import annotations

from pathlib import Path

import pytest
from shared_folder import shared_folder

SAMPLES = Path(__file__).resolve().parents[2] / "AnoFPDMSegment" / "Resources" / "SampleData"


@pytest.fixture(scope="session")
def bundled_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folders `lesion` and `no_lesion` of `anofpdm detect` as the README calls it; not to be changed."""

    def detect(folder: Path) -> None:
        import torch

        from anofpdm.cli.main import main

        torch.set_num_threads(1)
        for name in ("lesion", "no_lesion"):
            volume = SAMPLES / f"synthetic_flair_{name}.nii.gz"
            assert main(["detect", str(volume), "--output", str(folder / name), "--progress", "none"]) == 0

    return shared_folder(tmp_path_factory, "bundled-results", detect)
