"""The JSON Schema of findings.json: written from the records, and another program's reader agrees with ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from finding_samples import UNDECIDED, USUAL, component, document, slice_finding

from anofpdm.core.errors import EvidenceError
from anofpdm.results.findings_check import check_document
from anofpdm.results.findings_record import MethodRecord
from anofpdm.results.findings_schema import findings_schema, schema_text

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "Resources" / "findings-schema.json"
PROBABLE = component(1, 3.5, place="left, upper third", confidence=0.9, probability=0.5)
OF_STUDENT = MethodRecord("student", "Student", {})


def test_the_file_is_as_the_records_are() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "it is stale: make findings-schema"


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(findings_schema())
    return jsonschema.Draft202012Validator(findings_schema())


@pytest.mark.parametrize(
    "made",
    [
        document(USUAL, [component(1, 3.5), component(2, 0.25)]),
        document([UNDECIDED], [PROBABLE]),
        document([slice_finding(0, "healthy", method={}, threshold=None)], [], method=OF_STUDENT),
        document([slice_finding(0, None)], [], method=MethodRecord("of-another-package", "?", {"depth": 3})),
    ],
)
def test_it_accepts_what_is_written(validator: Any, made: dict[str, Any]) -> None:
    validator.validate(made)


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
        _set("version", 1),
        _set("more", 1),
        _set("gate", "blue"),
        _set("slices", 1, "threshold", "0.1"),
        _set("slices", 1, "method", {}),
        _set("slices", 1, "method", "end_step", {"flair": {"step": 1}}),
        _set("slices", 0, "method", {"similarity": 1.0}),
        _set("method", "facts", {}),
        _set("components", 0, "side", "up"),
        _set("components", 0, "peak_ras_mm", [1.0, 2.0]),
        _set("components", 0, "slice_range", [0, 1, 2]),
        _set("components", 0, "probability", True),
        _set("model", {}),
    ],
)
def test_it_refuses_what_the_reader_refuses(validator: Any, change: Callable[[Any], None]) -> None:
    made = json.loads(json.dumps(document(USUAL, [component(1, 3.5)])))
    change(made)
    assert not validator.is_valid(made)
    with pytest.raises(EvidenceError):
        check_document(made, "it")
