"""Results of version 0.1 (Testing/golden/version1, written by it) open, adjust and compare as before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import CommandLine

from anofpdm.core.errors import EvidenceError
from anofpdm.results.case_storage import load_evidence
from anofpdm.results.detection import build_detection
from anofpdm.results.findings import read_findings
from anofpdm.results.findings_text import format_findings
from anofpdm.results.segmentation import read_heatmap

FIRST = Path(__file__).resolve().parents[1] / "golden" / "version1"
OWN = ("similarity", "map_statistic", "largest_divergence", "end_step", "quantile")
ADDED = {"segment": "Anomaly", "place": None, "confidence": None, "probability": None}


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    """As version 0.1 wrote it."""
    document: dict[str, Any] = json.loads((FIRST / "findings.json").read_text(encoding="utf-8"))
    assert document["version"] == 1 and len(document["components"]) == 6
    return document


def test_nothing_of_a_document_is_lost(stored: dict[str, Any]) -> None:
    read = read_findings(FIRST / "findings.json")
    assert read["version"] == 2 and read["method"]["name"] == "anofpdm" and read["gate"] is None
    changed = {"version", "slices", "components"}
    assert {name: read[name] for name in stored if name not in changed} == {
        name: value for name, value in stored.items() if name not in changed
    }
    assert read["components"] == [{**entry, **ADDED} for entry in stored["components"]]
    for new, old in zip(read["slices"], stored["slices"], strict=True):
        assert new.pop("method") == ({name: old[name] for name in OWN} if old["examined"] else {})
        assert new == {name: value for name, value in old.items() if name not in OWN}
    assert stored["totals"]["volume_ml"] == read["segments"][0]["volume_ml"]


def test_its_evidence_gives_the_same_findings() -> None:
    read, made = read_findings(FIRST / "findings.json"), build_detection(load_evidence(FIRST / "evidence.npz")).findings
    assert made["slices"] == read["slices"] and made["totals"] == read["totals"]
    assert [{**entry, **ADDED} for entry in made["components"]] == read["components"]
    assert made["parameters"].items() <= read["parameters"].items()


def test_it_is_told_adjusted_and_compared(command: CommandLine, tmp_path: Path) -> None:
    result = tmp_path / "result"
    shutil.copytree(FIRST, result)
    assert "guidance strength 4, threshold quantile=0.8" in format_findings(read_findings(result / "findings.json"))
    assert command("adjust", result, "--output", tmp_path / "same", "--no-overlay").status == 0
    before, after = (read_heatmap(folder / "heatmap.nrrd")[0] for folder in (result, tmp_path / "same"))
    assert np.array_equal(before, after)
    told = command("compare", result, tmp_path / "same")
    assert told.status == 0 and "Input, model and settings are the same." in told.out and "Dice 1.0000" in told.out
    other = command("adjust", result, "--output", tmp_path / "other", "--guidance", "2", "--no-overlay")
    assert other.status == 0 and "guidance: 4.0 -> 2.0" in command("compare", result, tmp_path / "other").out


def _set(*keys_and_value: Any) -> Callable[[Any], None]:
    def change(values: Any) -> None:
        *keys, last, value = keys_and_value
        for key in keys:
            values = values[key]
        values[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("more", 1),
        _set("slices", {}),
        _set("slices", 3, 5),
        _set("slices", 5, "more", 1),
        _set("slices", 5, "end_step", {"flair": {"step": 1}}),
        _set("slices", 5, "similarity", "high"),
        _set("slices", 0, "similarity", 0.5),
        _set("components", None),
        _set("components", 0, "side", "up"),
        _set("totals", 3),
        _set("totals", "components", 5),
        _set("parameters", []),
        _set("parameters", {"method": ["anofpdm"]}),
        lambda values: values["slices"][5].pop("similarity"),
        lambda values: values["components"][0].pop("side"),
        lambda values: values.pop("parameters"),
    ],
)
def test_damaged_ones_are_refused(tmp_path: Path, stored: dict[str, Any], change: Callable[[Any], Any]) -> None:
    document = json.loads(json.dumps(stored))
    change(document)
    (tmp_path / "findings.json").write_text(json.dumps(document))
    with pytest.raises(EvidenceError, match="is damaged"):
        read_findings(tmp_path / "findings.json")
