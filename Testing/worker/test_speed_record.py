"""Expected times are those that were measured; a file that cannot be used costs nothing but them."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from anofpdm.app.worker.speed_record import SpeedRecord


def test_unknown_until_measured(tmp_path: Path) -> None:
    record = SpeedRecord(tmp_path / "new" / "speed.json")
    assert record.seconds_per_slice("auto", "m", "fast") is None
    record.remember("auto", "m", "fast", seconds=30, slices=20)
    assert SpeedRecord(tmp_path / "new" / "speed.json").seconds_per_slice("auto", "m", "fast") == 1.5
    assert [record.seconds_per_slice(*key) for key in (("cpu", "m", "fast"), ("auto", "n", "fast"))] == [None, None]
    assert record.seconds_per_slice("auto", "m", "balanced") is None
    record.remember("cpu", "m", "fast", seconds=80, slices=20)
    record.remember("auto", "m", "fast", seconds=10, slices=20)
    assert record.seconds_per_slice("auto", "m", "fast") == 0.5
    assert record.seconds_per_slice("cpu", "m", "fast") == 4
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["speed.json"]


def test_of_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = SpeedRecord(tmp_path / "speed.json")
    record.remember("auto", "m", "fast", seconds=30, slices=20)
    monkeypatch.setattr(platform, "node", lambda: "another machine")
    assert record.seconds_per_slice("auto", "m", "fast") is None


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"%s | auto | m | fast": "1"}', '{"%s | auto | m | fast": -1}'])
def test_a_damaged_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "speed.json"
    path.write_text(content.replace("%s", platform.node()))
    record = SpeedRecord(path)
    assert record.seconds_per_slice("auto", "m", "fast") is None
    record.remember("auto", "m", "fast", seconds=2, slices=1)
    assert record.seconds_per_slice("auto", "m", "fast") == 2


@pytest.mark.parametrize(("seconds", "slices"), [(1.0, 0), (0.0, 5), (float("nan"), 5), (float("inf"), 5)])
def test_nonsense_is_not_kept(tmp_path: Path, seconds: float, slices: int) -> None:
    record = SpeedRecord(tmp_path / "speed.json")
    record.remember("auto", "m", "fast", seconds=seconds, slices=slices)
    assert record.seconds_per_slice("auto", "m", "fast") is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    record = SpeedRecord(tmp_path / "file" / "speed.json")
    record.remember("auto", "m", "fast", seconds=2, slices=1)
    assert record.seconds_per_slice("auto", "m", "fast") is None
