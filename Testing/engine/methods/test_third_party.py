"""A method that another package brings: its own option appears, acts on a finished result, and is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from command_line import CommandLine
from method_models import EXTRA

from anofpdm.methods import registry
from anofpdm.results.case_storage import load_evidence
from anofpdm.results.segmentation import read_heatmap

PACKAGE = Path(__file__).with_name("third_party") / "asymmetry_method.py"


def test_it_takes_at_most_80_lines() -> None:
    assert len(PACKAGE.read_text().splitlines()) <= 80


def test_its_own_option(command: CommandLine, models: dict[str, Path], head_file: Path, tmp_path: Path) -> None:
    assert (
        command("detect", head_file, "--model", models[EXTRA], "--output", tmp_path / "a", "--no-overlay").status == 0
    )
    assert (
        command("adjust", tmp_path / "a", "--output", tmp_path / "b", "--direction", "darker", "--no-overlay").status
        == 0
    )
    brighter, _ = read_heatmap(tmp_path / "a" / "heatmap.nrrd")
    darker, _ = read_heatmap(tmp_path / "b" / "heatmap.nrrd")
    assert brighter.max() >= 1 and darker.max() >= 1 and not np.array_equal(brighter, darker)
    assert load_evidence(tmp_path / "b" / "evidence.npz").settings.direction == "darker"


def test_a_name_that_is_taken_is_refused(monkeypatch) -> None:
    import pytest

    from anofpdm.core.errors import ModelError

    found = dict(registry.methods())
    with pytest.raises(ModelError, match="that name is taken"):
        registry._add(found, registry.find_method(EXTRA), "someone")
