"""`anofpdm calibrate`: with progress for programs, and cancelled without a trace."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from command_line import CommandLine, run_process, snapshot
from dying import NEEDS_FORK, dies
from training_samples import SLICES

from anofpdm.cli.main import main
from anofpdm.core import output_set
from anofpdm.core.progress import PassesClock, Progress
from anofpdm.methods.anofpdm.calibration import load_calibrations
from anofpdm.store.model_folder import open_model_folder

QUICK = ("--presets", "good=3,quick=2", "--ranges", "1..100,1..200", "--guidance", "0,2,8", "--precision", "float32")


@pytest.fixture
def command(prepared_command: CommandLine) -> CommandLine:
    return prepared_command


@pytest.fixture(scope="module")
def manifest(labelled_data: Path) -> Path:
    return labelled_data


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be calibrated."""
    return Path(shutil.copytree(tiny_model, tmp_path / "models" / "tiny"))


def names(folder: Path) -> list[str]:
    calibration = open_model_folder(folder).calibration
    assert calibration is not None
    return [entry.name for entry in load_calibrations(calibration)]


@pytest.fixture(scope="module")
def json_run(
    tiny_model: Path, manifest: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path, Path]:
    """A whole run in place with --progress json, its model, and the model it was copied from."""
    model = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("models") / "tiny"))
    return run_process("calibrate", model, manifest, *QUICK, "--progress", "json"), model, tiny_model


def test_in_place(json_run) -> None:
    done, model, before = json_run
    assert done.returncode == 0 and done.stderr == ""
    assert names(before) == ["default"] and names(model) == ["good", "quick"]
    first, second = load_calibrations(open_model_folder(model).calibration)
    assert open_model_folder(model).config.operating_point == first.operating_point
    assert (first.operating_point.steps, second.operating_point.steps) == (3, 2)


def test_tells_programs_how_far_it_is(json_run) -> None:
    done, model, _ = json_run
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "start"
    assert [event["stage"] for event in events if event["event"] == "stage"] == ["preparing", "calibrating", "writing"]
    assert events[-1] == {"event": "result", "text": f"Written to {model}.", "output": str(model)}
    progress = [event for event in events if event["event"] == "progress"]
    passes = list(dict.fromkeys(event["what"] for event in progress))
    assert [name.partition(",")[0] for name in passes] == ["candidate", "candidate", "quick"]
    rows = [event["text"].split() for event in events if event["event"] == "partial"]
    assert [row[0] for row in rows] == ["preset", "candidate", "candidate", "good", "quick"]
    assert rows[3][1:] in (rows[1][1:], rows[2][1:]), "the winner of the comparison is not computed again"
    for name in passes:
        counted = [event["slices_done"] for event in progress if event["what"] == name]
        assert counted == sorted(counted) and counted[-1] == progress[0]["slices_total"] <= 2 * SLICES
    assert progress[-1]["remaining_s"] == 0
    assert all(event["remaining_s"] is None or event["remaining_s"] >= 0 for event in progress)


def test_both_precisions(command: CommandLine, model: Path, manifest: Path) -> None:
    outcome = command("calibrate", model, manifest, *QUICK[:-1], "both", "--progress", "none")
    assert outcome.status == 0, outcome.err
    rows = [line.split() for line in outcome.out.splitlines()]
    assert [row[:2] for row in rows[-3:-1]] == [["good,", "bf16"], ["quick,", "bf16"]]
    exact, *others = load_calibrations(open_model_folder(model).calibration)
    assert [entry.name for entry in (exact, *others)] == ["good", "quick", "good", "quick"]
    rounded = others[1]
    assert open_model_folder(model).config.operating_point == exact.operating_point
    assert rounded.operating_point == dataclasses.replace(exact.operating_point, precision="bfloat16")
    assert rounded.scaling != exact.scaling, "computed in its own precision"
    assert rounded.scaling[0] == pytest.approx(exact.scaling[0], rel=0.1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--presets", "good"), "--presets takes entries"),
        (("--presets", "../x=3"), "--presets takes entries"),
        (("--presets", "a b=3"), "--presets takes entries"),
        (("--ranges", "5..5"), "--ranges takes ranges"),
    ],
)
def test_is_refused_before_anything_long(
    command: CommandLine, model: Path, manifest: Path, options: tuple[str, ...], words: str
) -> None:
    command.refuses("calibrate", model, manifest, *options, words=words, folder=model.parent)


def test_a_model_that_cannot_be_written_is_refused_at_once(
    command: CommandLine, model: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(output_set.tempfile, "mkdtemp", full)
    command.refuses("calibrate", model, manifest, words=r"tiny is full; free some space", folder=model.parent)


def test_the_end_of_standard_input_ends_it(model: Path, manifest: Path, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    call = ("calibrate", model, manifest, "--progress", "json", "--watch-stdin")
    done = run_process(*call, stdin=subprocess.DEVNULL)
    assert done.returncode == 130
    assert json.loads(done.stdout.splitlines()[-1])["message"] == "The run was cancelled; nothing was written."
    assert snapshot(tmp_path) == before


@NEEDS_FORK
def test_slices_of_a_killed_run_go_with_the_next_command(
    command: CommandLine, model: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    call = ["calibrate", str(model), str(manifest), *QUICK, "--progress", "none"]
    # When the cache of slices is whole its folder takes its place.
    assert dies(lambda: main(call), lambda step: step[0] == "os.rename" and str(step[1][1]).endswith("slices"))
    assert any(path.is_file() and path.suffix == ".npy" for path in place.rglob("*"))
    assert command("models", "list").status == 0
    assert list(place.iterdir()) == []


def test_the_time_left_counts_all_passes() -> None:
    now = [0.0]
    told: list[Progress] = []
    clock = PassesClock([3, 1], told.append, lambda: now[0])
    for what, done in (("a", 0.0), ("a", 5.0), ("a", 10.0), ("b", 0.0), ("b", 10.0)):
        clock.report(what, done, 10)
        now[0] += 1.5 if what == "a" else 1.0
    assert [progress.what for progress in told] == ["a", "a", "a", "b", "b"]
    assert [progress.slices_done for progress in told] == [0.0, 5.0, 10.0, 0.0, 10.0]
    # 1.5 s for half of the first pass, which costs 3 of 4.
    assert told[1].remaining_s is None and told[2].remaining_s == pytest.approx(1.0)
    assert told[-1].remaining_s == 0
    assert told[-1].elapsed_s == pytest.approx(5.5)
