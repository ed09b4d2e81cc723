"""Results without their picture, which Pillow draws: everything else is as ever, with Pillow or without."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_line import CommandLine, snapshot

from anofpdm.results.detection import OVERLAY_FILE, RESULT_FILES, result_files


@pytest.fixture
def no_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIL", "PIL.Image", "PIL.ImageDraw", "PIL.ImageFont"):
        monkeypatch.setitem(sys.modules, name, None)


def visible(folder: Path) -> set[str]:
    return {name for name in snapshot(folder) if not name.startswith(".")}


@pytest.mark.usefixtures("no_pillow")
def test_detect(command: CommandLine, tiny_model: Path, head_file: Path, finished: Path, tmp_path: Path) -> None:
    call = ("detect", head_file, "--model", tiny_model, "--output", tmp_path / "o", "--progress", "none")
    assert command(*call, "--no-overlay").status == 0
    assert visible(tmp_path / "o") == set(result_files(overlay=False)) == set(RESULT_FILES) - {OVERLAY_FILE}
    heatmaps = [(folder / "heatmap.nrrd").read_bytes() for folder in (tmp_path / "o", finished)]
    assert heatmaps[0] == heatmaps[1]


@pytest.mark.usefixtures("no_pillow")
def test_adjust_leaves_no_picture_of_other_settings(command: CommandLine, result: Path) -> None:
    assert (result / OVERLAY_FILE).exists()
    assert command("adjust", result, "--guidance", "1", "--no-overlay").status == 0
    assert visible(result) == set(result_files(overlay=False))
    assert json.loads((result / "findings.json").read_text())["parameters"]["guidance"] == 1


@pytest.mark.usefixtures("no_pillow")
def test_a_table_of_patients_is_resumed_without_it(
    command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "cases.csv").write_text(f"case,image\na,{head_file}\n")
    call = ("detect", "--cases", tmp_path / "cases.csv", "--model", tiny_model, "--output", tmp_path / "o")
    assert command(*call, "--progress", "none", "--no-overlay").status == 0
    again = command(*call, "--progress", "none", "--no-overlay")
    assert again.status == 0 and "finished earlier" in again.out


def test_a_picture_asked_for_later_is_made(
    command: CommandLine, tiny_model: Path, head_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed")
    (tmp_path / "cases.csv").write_text(f"case,image\na,{head_file}\n")
    call = ("detect", "--cases", tmp_path / "cases.csv", "--model", tiny_model, "--output", tmp_path / "o")
    assert command(*call, "--progress", "none", "--no-overlay").status == 0
    assert "finished earlier" not in command(*call, "--progress", "none").out
    assert visible(tmp_path / "o" / "a") == set(RESULT_FILES)
