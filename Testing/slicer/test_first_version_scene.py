"""A scene that version 0.1 saved (Testing/golden/version1, written by it) opens, adjusts and exports as before."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from made_results import column, current_mask

from anofpdm.results.findings import read_findings
from anofpdm.results.findings_check import check_document
from AnoFPDMSegmentLib.mrml.export import exportResult
from AnoFPDMSegmentLib.mrml.report import reportPage
from AnoFPDMSegmentLib.mrml.result import Result

FIRST = Path(__file__).resolve().parents[1] / "golden" / "version1"


def test_it_opens_adjusts_and_exports(scene: Any, tmp_path: Path) -> None:
    assert scene.scene.ReadFromMRB(str(FIRST / "case.mrb"), True)
    (result,) = Result.all(scene)
    stored = read_findings(FIRST / "findings.json")
    assert result.detection.findings["slices"] == stored["slices"]
    assert result.accepted == [True, False, True, True, True, True] and not result.wasEdited
    assert np.array_equal(current_mask(result), result.review.mask(result.detection))
    similarities = [entry["method"].get("similarity", np.nan) for entry in stored["slices"]]
    assert column(result.slicesNode, "Similarity") == _approximately(similarities)

    before = current_mask(result).sum()
    result.update(dataclasses.replace(result.settings, guidance=6.0))
    assert result.detection.findings["parameters"]["guidance"] == 6.0 and current_mask(result).sum() != before
    assert column(result.slicesNode, "Map statistic") == _approximately(
        [entry["method"].get("map_statistic", np.nan) for entry in result.detection.findings["slices"]]
    )

    paths = exportResult(result, tmp_path, {"csv", "json", "segmentation", "report"})
    document = json.loads(next(path for path in paths if path.suffix == ".json").read_text(encoding="utf-8"))
    assert document["accepted"] == result.accepted
    check_document(document["findings"], "the exported findings")
    with next(path for path in paths if path.name.endswith("slices.csv")).open(encoding="utf-8", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(stored["slices"])
    assert "Guidance strength" in reportPage(result)


def _approximately(values: list[float]) -> Any:
    import pytest

    return pytest.approx(values, rel=1e-5, nan_ok=True)
