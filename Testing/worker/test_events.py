"""Lines of a worker that say what cannot be: no event, and no exception in the application."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anofpdm.app.worker.events import Failed, Progress, parse_line

PROGRESS = {"event": "progress", "slices_done": 1.0, "slices_total": 2, "elapsed_s": 3.0, "remaining_s": 4.0}
ERROR = {"event": "error", "message": "No.", "exit_code": 2}
IMPOSSIBLE = ["Infinity", "-Infinity", "NaN", "1e999", "1" + "0" * 400, "[]", '"x"', "{}"]


def line(record: dict[str, Any], name: str, value: str) -> str:
    return json.dumps({**record, name: "HERE"}).replace('"HERE"', value)


def test_sound_lines() -> None:
    assert parse_line(json.dumps(PROGRESS)) == Progress(1.0, 2, 3.0, 4.0)
    assert parse_line(json.dumps(ERROR)) == Failed("No.", 2)


@pytest.mark.parametrize("value", IMPOSSIBLE)
@pytest.mark.parametrize("name", ["slices_done", "slices_total", "elapsed_s", "remaining_s"])
def test_progress(name: str, value: str) -> None:
    assert parse_line(line(PROGRESS, name, value)) is None


@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_exit_status(value: str) -> None:
    assert parse_line(line(ERROR, "exit_code", value)) is None


@pytest.mark.parametrize(
    "text", ["{" * 100_000, '{"event": ' + "[" * 100_000, '{"event": "\\ud800"}', "{}", "[1]", "{"]
)
def test_no_event(text: str) -> None:
    assert parse_line(text) is None
