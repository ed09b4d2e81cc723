"""The command that measures how a joined model carries over: on a head whose mask it is given."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import carry_over


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["carry_over", *map(str, arguments)])
    carry_over.main()


def test_the_default_and_its_parts_beside_the_image(
    models: dict[str, Path],
    head_file: Path,
    head_image: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bright = sitk.GetArrayFromImage(head_image)
    mask = sitk.GetImageFromArray((bright > np.percentile(bright, 99)).astype(np.uint8))
    mask.CopyInformation(head_image)
    sitk.WriteImage(mask, str(tmp_path / "mask.nii.gz"))
    count = head_image.GetSize()[2]
    with (tmp_path / "m.csv").open("w", newline="") as stream:
        rows = [("p", "val", head_file, k, count, 1, tmp_path / "mask.nii.gz", "s") for k in range(count)]
        names = ("subject", "split", "flair", "slice", "slices", "label", "mask", "source")
        csv.writer(stream).writerows([names, *rows])
    call(monkeypatch, f"set={tmp_path / 'm.csv'}", "--model", models["fused"], "--json", tmp_path / "f.json")
    figures = json.loads((tmp_path / "f.json").read_text())["sets"]["set"]
    assert figures["volumes"] == 1 and figures["counted"] in (0, 1)
    for part in carry_over.PARTS:
        dice, recall = figures[part]
        assert 0 <= dice <= 1 and 0 <= recall <= 1
    assert f"| set (1) | {figures['default'][0]:.3f}; " in capsys.readouterr().out


def test_another_model_is_refused(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="is no joined model"):
        call(monkeypatch, "--model", models["student"])
