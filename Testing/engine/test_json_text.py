"""JSON that is deep, huge, or holds what no other program takes: refused, in plain words, wherever JSON is read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine
from hypothesis import given, settings
from hypothesis import strategies as st

from anofpdm.core.errors import AnoFPDMError
from anofpdm.core.json_text import DEEPEST, parse_json, read_json
from anofpdm.datasets.slice_cache import open_slice_cache
from anofpdm.methods.anofpdm.calibration import load_calibrations
from anofpdm.methods.anofpdm.training import DiffusionTraining
from anofpdm.methods.reconstruction.classifier_folder import open_classifier
from anofpdm.methods.student.student_folder import open_student
from anofpdm.results.findings import read_findings
from anofpdm.store.model_config import load_model_config
from anofpdm.store.model_folder import read_checksums
from anofpdm.training.config import load_training_config

HOSTILE = {
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "just too deep": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
    "deep objects": '{"a":' * 5000 + "1" + "}" * 5000,
    "a huge integer": '{"steps": 1' + "0" * 400 + "}",
    "an endless integer": '{"steps": 1' + "0" * 100_000 + "}",
    "more than 64 bits": '{"steps": 18446744073709551616}',
    "a huge number": '{"steps": 1e999}',
    "infinity": '{"steps": Infinity}',
    "not a number": '{"steps": NaN}',
    "half a character": '{"name": "\\ud800"}',
    "half a character in a key": '{"\\udfff": 1}',
    "no text": "\0\0",
    "nothing": "",
}
READERS: dict[str, Callable[[Path], object]] = {
    "config.json": lambda path: load_model_config(path.parent),
    "checksums.json": lambda path: read_checksums(path.parent),
    "calibration.json": load_calibrations,
    "findings.json": read_findings,
    "training.json": lambda path: load_training_config(path, DiffusionTraining),
    "table.json": lambda path: open_slice_cache(path.parent),
    "classifier.json": lambda path: open_classifier(path.parent),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_every_reader_refuses_it(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(AnoFPDMError) as caught:
        READERS[name](path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_student_s_files(tmp_path: Path, text: str) -> None:
    for name in ("checksums.json", "config.json", "MODEL_CARD.md", "weights.safetensors"):
        (tmp_path / name).write_text(text)
    with pytest.raises(AnoFPDMError):
        open_student(tmp_path)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_training_configuration(command: CommandLine, tmp_path: Path, text: str) -> None:
    config, table = tmp_path / "small.json", tmp_path / "table.csv"
    config.write_text(text)
    table.write_text("subject,split,flair,slice,label\n")
    arguments = ("train", table, "--output", tmp_path / "out", "--config", config)
    assert command.refuses(*arguments, words="cannot be read|must be an object", folder=tmp_path).status == 2


def test_a_file_longer_than_any(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_bytes(b" " * 101)
    with pytest.raises(ValueError, match="longer than 100 bytes"):
        read_json(path, 100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("name", READERS)
def test_a_pipe_in_its_place(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(AnoFPDMError):
        READERS[name](tmp_path / name)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    # The text itself must be writable.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(value=json_values)
def test_what_is_sound_comes_back(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
