"""The findings document: content, summary sentence, strict reading."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finding_samples import UNDECIDED, USUAL, component, document, slice_finding

from anofpdm.core.errors import EvidenceError
from anofpdm.results.components import Component
from anofpdm.results.findings import (
    STATEMENT,
    SliceFinding,
    read_findings,
    write_findings,
)
from anofpdm.results.findings_schema import COMPONENT, DOCUMENT, MODEL, SLICE, TOTALS

SCHEMA_TEXT = Path(__file__).resolve().parents[2] / "Resources" / "findings-schema.md"


def test_a_document_comes_back_as_written(tmp_path: Path) -> None:
    made = document(USUAL, [component(1, 3.5), component(2, 0.25)])
    path = tmp_path / "findings.json"
    write_findings(path, made)
    assert read_findings(path) == made
    first = path.read_bytes()
    write_findings(path, document(USUAL, [component(1, 3.5), component(2, 0.25)]))
    assert path.read_bytes() == first


def test_what_it_says() -> None:
    made = document(USUAL, [component(1, 3.5), component(2, 0.25)])
    assert (made["schema"], made["version"]) == ("anofpdm-findings", 1)
    assert made["statement"] == STATEMENT == "Research use only, not for clinical diagnosis."
    assert made["created"] == "2026-01-02T02:04:05Z"
    assert made["totals"] == {
        "slices": 4,
        "slices_examined": 3,
        "slices_not_examined": 1,
        "slices_unhealthy": 2,
        "slices_healthy": 1,
        "components": 2,
        "volume_ml": 3.75,
    }
    assert made["slices"][3]["end_step"] == {"flair": {"step": 9, "noise_level": 291}}
    assert made["slices"][0]["decision"] is None
    assert made["run_time_s"] == 12.35
    assert made["geometry"]["origin_ras_mm"] == [100.0, 0.0, 7.5]
    assert made["geometry"]["axes_ras"] == [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]]
    assert made["components"][0]["centroid_ras_mm"] == [-30.0, 12.0, 40.0]


def test_no_folder_of_the_user_is_kept() -> None:
    made = document(USUAL, [])
    assert made["input"]["files"] == {"flair": "flair.nii.gz", "t2": "t2.nii"}
    assert made["parameters"]["out"] == "out"
    assert "Jane" not in json.dumps(made)
    assert document(USUAL, [], files={"flair": "/data/dicom/"})["input"]["files"] == {"flair": "dicom"}


def test_nan_and_infinity_become_null(tmp_path: Path) -> None:
    odd = slice_finding(
        4,
        "healthy",
        similarity=math.nan,
        map_statistic=np.float32(0.1),
        largest_divergence={"flair": np.float64("inf")},
        quantile={"flair": None},
        threshold=None,
    )
    made = document([odd], [], parameters={"w": math.nan, "table": np.array([1.0, np.nan])})
    entry = made["slices"][0]
    assert (entry["similarity"], entry["largest_divergence"], entry["quantile"]) == (
        None,
        {"flair": None},
        {"flair": None},
    )
    assert entry["map_statistic"] == 0.1
    assert made["parameters"] == {"w": None, "table": [1.0, None]}
    write_findings(tmp_path / "f.json", made)
    assert not re.search("NaN|Infinity", (tmp_path / "f.json").read_text())


@pytest.mark.parametrize(
    ("slices", "components", "sentence"),
    [
        (
            USUAL,
            [component(1, 3.5), component(2, 0.25)],
            "2 regions, 3.75 mL in total; 2 of 3 examined slices look unhealthy;"
            " 1 slice not examined (1 no head in this slice).",
        ),
        ([slice_finding(0, "unhealthy")], [], "1 of 1 examined slice looks unhealthy, but no region stands out."),
        ([slice_finding(0, "healthy"), slice_finding(1, "healthy")], [], "Nothing was found in 2 examined slices."),
        (
            [
                slice_finding(0, "healthy"),
                *(slice_finding(n, None) for n in (1, 2)),
                slice_finding(3, None, "noise only"),
            ],
            [],
            "Nothing was found in 1 examined slice; 3 slices not examined (2 no head in this slice, 1 noise only).",
        ),
        (
            [slice_finding(0, None), slice_finding(1, None)],
            [],
            "No slice was examined, so nothing is known about this volume (2 no head in this slice).",
        ),
        (
            [UNDECIDED, slice_finding(1, None)],
            [component(1, 2.0)],
            "1 region, 2.00 mL in total, in 1 examined slice; 1 slice not examined (1 no head in this slice).",
        ),
        ([UNDECIDED], [], "Nothing was found in 1 examined slice."),
        ([], [], "No slice was examined, so nothing is known about this volume (it has no slices)."),
    ],
)
def test_the_summary_tells_not_examined_from_nothing_found(
    slices: list[SliceFinding], components: list[Component], sentence: str
) -> None:
    assert document(slices, components)["summary"] == sentence


@pytest.mark.parametrize(
    "values",
    [
        {"examined": False},
        {"examined": False, "not_examined_reason": "noise", "decision": "healthy"},
        {"examined": True, "decision": "healthy", "not_examined_reason": "noise"},
    ],
)
def test_a_slice_cannot_contradict_itself(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="slice 3"):
        SliceFinding(3, 0.0, None, **values)


def _without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(values: dict[str, Any]) -> None:
        for key in keys[:-1]:
            values = values[key]
        del values[keys[-1]]

    return change


def _with(*keys_and_value: Any) -> Callable[[dict[str, Any]], None]:
    def change(values: Any) -> None:
        *keys, last, value = keys_and_value
        for key in keys:
            values = values[key]
        values[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_with("schema", "other"), "not a findings file"),
        (_without("schema"), "not a findings file"),
        (_with("version", 2), "version 2"),
        (_with("version", True), "version True"),
        (_without("totals"), "lacks entry 'totals'"),
        (_with("more", 1), "unknown entry 'more'"),
        (_without("model", "licence"), "model lacks entry 'licence'"),
        (_with("slices", 1, "threshold", "0.1"), r"slices\[1\].threshold has the wrong type"),
        (_with("slices", 1, "index", True), r"slices\[1\].index has the wrong type"),
        (_with("slices", 1, "end_step", {"flair": {"step": 1}}), "lacks entry 'noise_level'"),
        (_with("slices", 1, "largest_divergence", []), "is not an object"),
        (_with("slices", {}), "slices is not a list"),
        (_with("slices", 1, "decision", "perhaps"), "totals.slices_healthy|unknown decision"),
        (_with("slices", 0, "not_examined_reason", ""), "both examined and not"),
        (_with("slices", 1, "not_examined_reason", "noise"), "both examined and not"),
        (_with("totals", "components", 3), "totals.components does not fit"),
        (_with("totals", "slices_examined", 4), "totals.slices_examined does not fit"),
        (_with("components", 0, "side", "up"), "unknown side"),
        (_with("components", 0, "peak_ras_mm", [1.0]), "wrong length"),
        (_with("components", 0, "slice_range", [1]), "range of the slices"),
        (_with("components", 0, "slice_range", [2, 1]), "range of the slices"),
        (_with("components", 0, "slice_range", [0, 99]), "range of the slices"),
        (_with("components", 0, "slice_range", [0.5, 1]), "wrong type"),
        (_with("geometry", "size_ijk", [1, 2]), "wrong length"),
        (_with("warnings", [3]), r"warnings\[0\] has the wrong type"),
    ],
)
def test_damaged_documents_are_refused(tmp_path: Path, change: Callable[[Any], None], words: str) -> None:
    made = document(USUAL, [component(1, 3.5)])
    change(made)
    path = tmp_path / "findings.json"
    path.write_text(json.dumps(made))
    with pytest.raises(EvidenceError, match=words) as caught:
        read_findings(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', '{"schema": NaN}', "\ufffe", "[" * 100_000])
def test_files_that_are_no_findings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "findings.json"
    path.write_text(text, encoding="utf-16" if text == "\ufffe" else "utf-8")
    with pytest.raises(EvidenceError):
        read_findings(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="does not exist"):
        read_findings(tmp_path / "findings.json")
    with pytest.raises(EvidenceError, match="cannot be read"):
        read_findings(tmp_path)


def test_every_field_is_documented() -> None:
    # What follows there is another document, around this one.
    text, _, _ = SCHEMA_TEXT.read_text(encoding="utf-8").partition("## Parameters")
    fields = {*DOCUMENT, *SLICE, *COMPONENT, *TOTALS, *MODEL, *DOCUMENT["input"], *DOCUMENT["geometry"]}  # type: ignore[misc]
    fields |= {"step", "noise_level"}
    assert documented(text) == fields


def test_every_parameter_of_a_run_is_documented(finished: Path) -> None:
    _, _, text = SCHEMA_TEXT.read_text(encoding="utf-8").partition("## Parameters")
    text, _, _ = text.partition("## Exported with a review")
    assert documented(text) == set(read_findings(finished / "findings.json")["parameters"])


def documented(text: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))
