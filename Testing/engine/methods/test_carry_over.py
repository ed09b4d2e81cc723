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

from anofpdm import Detector
from anofpdm.store.model_folder import open_model_folder

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import carry_over
import score_figures


def write_table(folder: Path, image: Path, mask: np.ndarray) -> Path:
    """Of one head with this mask."""
    like = sitk.ReadImage(str(image))
    written = sitk.GetImageFromArray(mask.astype(np.uint8))
    written.CopyInformation(like)
    sitk.WriteImage(written, str(folder / "mask.nii.gz"))
    count = like.GetSize()[2]
    with (folder / "m.csv").open("w", newline="") as stream:
        rows = [("p", "val", image, k, count, 1, folder / "mask.nii.gz", "s") for k in range(count)]
        names = ("subject", "split", "flair", "slice", "slices", "label", "mask", "source")
        csv.writer(stream).writerows([names, *rows])
    return folder / "m.csv"


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
    table = write_table(tmp_path, head_file, bright > np.percentile(bright, 99))
    call(monkeypatch, f"set={table}", "--model", models["fused"], "--json", tmp_path / "f.json")
    figures = json.loads((tmp_path / "f.json").read_text())["sets"]["set"]
    assert figures["volumes"] == 1 and figures["counted"] in (0, 1)
    for part in carry_over.PARTS:
        dice, recall = figures[part]
        assert 0 <= dice <= 1 and 0 <= recall <= 1
    assert f"| set (1) | {figures['default'][0]:.3f}; " in capsys.readouterr().out


def test_another_model_is_refused(models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="is no joined model"):
        call(monkeypatch, "--model", models["student"])


def test_any_model_is_measured_at_its_own_and_at_the_best_threshold(
    models: dict[str, Path],
    head_file: Path,
    head_image: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = models["intensity"]
    score = Detector.from_folder(open_model_folder(model)).detect(head_image).score
    table = write_table(tmp_path, head_file, score >= np.quantile(score[score > 0], 0.8))
    monkeypatch.setattr(sys, "argv", ["x", str(model), f"set={table}", "--json", str(tmp_path / "f.json")])
    score_figures.main()
    row = json.loads((tmp_path / "f.json").read_text())["sets"]["set"]
    assert row["volumes"] == 1 and row["auprc"] > 0.99, "the mask is what the model scores highest"
    assert 0 <= row["dice"] <= row["best_dice"] <= 1 and row["best_dice"] > 0.9
    assert f"| set (1) | {row['dice']:.3f} |" in capsys.readouterr().out
