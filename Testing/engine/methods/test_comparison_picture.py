"""Results of several methods side by side in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine
from PIL import Image

from anofpdm import Detector
from anofpdm.results.comparison_picture import GAP, LINE, MARGIN, PANEL, slices_that_differ


def test_slices_where_the_results_differ_come_first() -> None:
    scores = np.zeros((2, 20, 4, 4))
    scores[:, 2:18] = 1
    scores[0, 5, :2] = 0
    scores[1, 9] = 0
    assert {5, 9} <= set(slices_that_differ(scores, 4))
    assert slices_that_differ(scores[:, 2:5]) == [0, 1, 2]
    assert slices_that_differ(scores * 0) == []


@pytest.fixture(scope="module")
def results(models: dict[str, Path], head_image: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One head's results of two methods."""
    folder = tmp_path_factory.mktemp("compared")
    for name in ("anofpdm", "student"):
        Detector.from_model(models[name]).detect(head_image).write(folder / name, overlay=False)
    return [folder / "anofpdm", folder / "student"]


def test_methods_side_by_side(command: CommandLine, results: list[Path], tmp_path: Path) -> None:
    outcome = command("compare", *results, results[0], "--picture", tmp_path / "side by side.png")
    assert outcome.status == 0, outcome.err
    assert "Drawn in" in outcome.out and outcome.out.count("largest difference") == 2
    with Image.open(tmp_path / "side by side.png") as picture:
        assert picture.width == 2 * MARGIN + 4 * PANEL + 3 * GAP
        # Without the line at the foot.
        pixels = np.asarray(picture.convert("RGB")).astype(int)[: -MARGIN - 2 * LINE]
    columns = [pixels[:, MARGIN + i * (PANEL + GAP) :][:, :PANEL] for i in range(4)]
    assert not np.array_equal(columns[1], columns[2]), "two methods differ"
    assert np.array_equal(columns[1], columns[3]), "one result looks the same twice"


def test_other_volumes_and_other_files_are_refused(
    command: CommandLine, results: list[Path], models: dict[str, Path], tmp_path: Path, head_image: Any
) -> None:
    Detector.from_model(models["student"]).detect(head_image[:, :, 2:]).write(tmp_path / "o", overlay=False)
    outcome = command("compare", results[0], tmp_path / "o", "--picture", tmp_path / "p.png")
    assert outcome.status == 5 and "not of the same volume's slices" in outcome.err
    outcome = command("compare", *results, "--picture", tmp_path / "p.jpg")
    assert outcome.status == 2 and "takes the name of a PNG file" in outcome.err
    assert not (tmp_path / "p.png").exists()
