"""The findings document: content, summary sentence, strict reading."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finding_samples import OWN, UNDECIDED, USUAL, component, document, slice_finding

from anofpdm.core.errors import EvidenceError
from anofpdm.core.records import record_fields
from anofpdm.methods.anofpdm import findings as of_anofpdm
from anofpdm.results import findings_record
from anofpdm.results.findings import STATEMENT, read_findings, write_findings
from anofpdm.results.findings_record import ComponentFinding, MethodRecord, SliceFinding

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
    assert (made["schema"], made["version"]) == ("anofpdm-findings", 2)
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
    assert made["slices"][3]["method"]["end_step"] == {"flair": {"step": 9, "noise_level": 291}}
    assert made["slices"][0]["method"] == {}
    assert made["method"] == {"name": "anofpdm", "title": "AnoFPDM", "facts": {"unguided_error": 0.01}}
    assert made["segments"] == [
        {"name": "Anomaly", "file": "segmentation.seg.nrrd", "label": 1, "volume_ml": 3.75},
    ]
    assert made["gate"] is None and made["identifiers"] is None
    assert made["slices"][0]["decision"] is None
    assert made["run_time_s"] == 12.35
    assert made["geometry"]["origin_ras_mm"] == [100.0, 0.0, 7.5]
    assert made["geometry"]["axes_ras"] == [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]]
    assert made["components"][0]["centroid_ras_mm"] == [-30.0, 12.0, 40.0]
    assert made["components"][0]["segment"] == "Anomaly"
    assert [made["components"][0][name] for name in ("place", "confidence", "probability")] == [None] * 3


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
        threshold=math.nan,
        method={
            **OWN,
            "similarity": math.nan,
            "map_statistic": np.float32(0.1),
            "largest_divergence": {"flair": np.float64("inf")},
            "quantile": {"flair": None},
        },
    )
    made = document([odd], [], parameters={"w": math.nan, "table": np.array([1.0, np.nan])})
    assert made["slices"][0]["threshold"] is None
    entry = made["slices"][0]["method"]
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
    slices: list[SliceFinding], components: list[ComponentFinding], sentence: str
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
        (_with("version", 3), "version 3"),
        (_with("version", True), "version True"),
        (_without("totals"), "lacks the entry 'totals'"),
        (_with("more", 1), "unknown entry 'more'"),
        (_without("model", "licence"), "model is incomplete: it lacks the entry 'licence'"),
        (_with("slices", 1, "threshold", "0.1"), r"slices\[1\].threshold must be of type float"),
        (_with("slices", 1, "index", True), r"slices\[1\].index must be of type int"),
        (_without("slices", 1, "area_mm2"), r"slices\[1\] is incomplete: it lacks the entry 'area_mm2'"),
        (_with("slices", 1, "method", "end_step", {"flair": {"step": 1}}), "lacks the entry 'noise_level'"),
        (_with("slices", 1, "method", "largest_divergence", []), "must be an object"),
        (_with("slices", 1, "method", "more", 1), r"slices\[1\].method has an unknown entry 'more'"),
        (_with("slices", 0, "method", "similarity", 1.0), r"slices\[0\].method has an unknown entry"),
        (_without("method", "facts", "unguided_error"), "method.facts is incomplete"),
        (_with("gate", "blue"), "gate must be one of green, amber, red"),
        (_with("identifiers", {"study": 1}), "identifiers.study must be of type str"),
        (_with("segments", []), "component 1 belongs to no segment"),
        (_with("components", 0, "probability", "high"), r"components\[0\].probability must be of type float"),
        (_with("slices", {}), "slices must be a list"),
        (_with("slices", 1, "decision", "perhaps"), "decision must be one of unhealthy, healthy"),
        (_with("slices", 0, "not_examined_reason", ""), "exactly the slices not examined have a reason"),
        (_with("slices", 1, "not_examined_reason", "noise"), "exactly the slices not examined have a reason"),
        (_with("totals", "components", 3), "totals.components does not fit"),
        (_with("totals", "slices_examined", 4), "totals.slices_examined does not fit"),
        (_with("components", 0, "side", "up"), "side must be one of left, right, midline"),
        (_with("components", 0, "peak_ras_mm", [1.0]), "peak_ras_mm must have 3 entries"),
        (_with("components", 0, "slice_range", [1]), "slice_range must have 2 entries"),
        (_with("components", 0, "slice_range", [2, 1]), "range of the slices"),
        (_with("components", 0, "slice_range", [0, 99]), "range of the slices"),
        (_with("components", 0, "slice_range", [0.5, 1]), "must be of type int"),
        (_with("geometry", "size_ijk", [1, 2]), "size_ijk must have 3 entries"),
        (_with("warnings", [3]), r"warnings\[0\] must be of type str"),
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


def test_of_a_method_that_is_not_installed_the_core_alone_is_checked(tmp_path: Path) -> None:
    method = MethodRecord("of-another-package", "Another", {"depth": 3})
    made = document(USUAL, [component(1, 3.5)], method=method)
    path = tmp_path / "findings.json"
    write_findings(path, made)
    assert read_findings(path) == made
    path.write_text(json.dumps({**made, "method": {**made["method"], "facts": 3}}))
    with pytest.raises(EvidenceError, match=r"method\.facts must be an object"):
        read_findings(path)


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
    records = [kind for kind in vars(findings_record).values() if is_record(kind)]
    own = (of_anofpdm.SliceFacts, of_anofpdm.VolumeFacts, of_anofpdm.EndStep)
    assert documented(text) == {name for kind in (*records, *own) for name in record_fields(kind)}


def is_record(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind)


def test_every_parameter_of_a_run_is_documented(finished: Path) -> None:
    _, _, text = SCHEMA_TEXT.read_text(encoding="utf-8").partition("## Parameters")
    text, _, _ = text.partition("## Exported with a review")
    assert documented(text) == set(read_findings(finished / "findings.json")["parameters"])


def documented(text: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))
