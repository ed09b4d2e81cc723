"""Stored results that cannot be compared: not whole, of two runs, foreign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from command_line import CommandLine


class TestCompare:
    """Two results, one of which is not whole"""

    @pytest.mark.parametrize("name", ["findings.json", "heatmap.nrrd", "segmentation.seg.nrrd"])
    @pytest.mark.parametrize("how", ["missing", "empty", "cut off", "letters", "folder"])
    def test_is_refused(
        self, command: CommandLine, finished: Path, result: Path, tmp_path: Path, name: str, how: str
    ) -> None:
        path = result / name
        content = path.read_bytes()
        path.unlink()
        if how == "folder":
            path.mkdir()
        elif how != "missing":
            path.write_bytes({"empty": b"", "cut off": content[: len(content) // 2], "letters": b"Dear all"}[how])
        for pair in ((result, finished), (finished, result)):
            command.refuses("compare", *pair, words=name, folder=tmp_path)

    @pytest.mark.parametrize("name", ["nowhere", "result/findings.json", "x" * 300, "y" * 5000])
    def test_no_folder(self, command: CommandLine, result: Path, tmp_path: Path, name: str) -> None:
        command.refuses("compare", result, tmp_path / name, words="not a folder|too long", folder=tmp_path)

    def test_files_of_two_results(self, command: CommandLine, result: Path, tmp_path: Path) -> None:
        image = sitk.ReadImage(str(result / "heatmap.nrrd"))
        image.SetOrigin((1.0, 2.0, 3.0))
        sitk.WriteImage(image, str(result / "heatmap.nrrd"))
        command.refuses("compare", result, result, words="do not belong to one result", folder=tmp_path)

    @pytest.mark.parametrize(
        ("place", "value", "words"),
        [
            ("schema", "other", "not a findings file"),
            ("version", 99, "version 99"),
            ("slices", [], "totals.slices does not fit"),
            ("totals", None, "totals must be an object"),
            ("run_time_s", "long", "run_time_s must be of type float"),
            ("surprise", 1, "unknown entry 'surprise'"),
        ],
    )
    def test_foreign_findings(
        self, command: CommandLine, result: Path, tmp_path: Path, place: str, value: Any, words: str
    ) -> None:
        document = json.loads((result / "findings.json").read_text())
        document[place] = value
        (result / "findings.json").write_text(json.dumps(document))
        command.refuses("compare", result, result, words=words, folder=tmp_path)
