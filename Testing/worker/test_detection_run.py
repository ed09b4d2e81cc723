"""Real workers with a quick model on a drawn head: results, cancelling, killing, failures; nothing is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from bright_model import NAME as MODEL
from fake_worker import MODULE, SAMPLE, events_of, is_running, wait_for, wait_until
from worker_here import carry_out_here

from anofpdm.app.worker.command import WorkerCommand
from anofpdm.app.worker.detection_run import DetectionRun
from anofpdm.app.worker.events import Cancelled, Failed, Finished, Progress, Stage, Started
from anofpdm.app.worker.run_options import RunOptions

ENDLESS = RunOptions(
    MODEL,
    {"steps": 1000, "range": (1, 1000), "guidance": 2.0, "threshold": "value=0.1", "ungated": True},
    device="cpu",
)
"""Takes minutes; no calibration knows its range."""
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


def write_sample(path: Path) -> None:
    sitk.WriteImage(sitk.ReadImage(str(SAMPLE)), str(path))


@pytest.fixture
def command(bright_default: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerCommand:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return WorkerCommand(sys.executable, MODULE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where runs make their temporary folders; its name is what users have."""
    place = tmp_path / "Jörg's Läufe 名前 (1)"
    place.mkdir()
    return place


@pytest.fixture
def run(command: WorkerCommand, folder: Path) -> Iterator[DetectionRun]:
    """To be started by the test; whatever happens, nothing of it stays."""
    run = DetectionRun(command, folder)
    yield run
    pid = run._process._process.pid if run._process and run._process._process else None
    run.close()
    assert list(folder.iterdir()) == []
    if pid is not None:
        wait_until(lambda: not is_running(pid))


def pid_of(run: DetectionRun) -> int:
    assert run._process is not None and run._process._process is not None
    return run._process._process.pid


def test_finds_the_lesion(run: DetectionRun) -> None:
    run.start({"flair": write_sample}, RunOptions(MODEL, device="cpu"))
    events = events_of(run)
    assert isinstance(events[0], Started) and isinstance(events[-1], Finished)
    stages = [event.name for event in events if isinstance(event, Stage)]
    assert stages == ["reading", "preparing", "detecting", "building", "writing"]
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert last.slices_done == last.slices == 28 and last.seconds_left is not None
    detection = run.detection({"flair": "5: T2\\FLAIR w/ fat sat"})
    assert detection.findings["input"]["files"] == {"flair": "5: T2_FLAIR w_ fat sat"}
    assert run.detection().findings["input"]["files"] == {"flair": "flair.nrrd"}
    truth = sitk.GetArrayFromImage(sitk.ReadImage(str(SAMPLE).replace("lesion.nii", "lesion_mask.nii"))) > 0
    overlap = 2 * np.sum(detection.mask & truth) / (detection.mask.sum() + truth.sum())
    assert overlap > 0.5
    assert not (Path(events[-1].output) / "overlay.png").exists()


def test_options_reach_the_result(run: DetectionRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out_here(monkeypatch, tmp_path)
    chosen = {"guidance": 8.0, "threshold": "dynamic", "scaling": (0.5,), "minimum_size": "500mm3"}
    # Nothing is calibrated for a fixed end step.
    fixed = {"steps": 5, "end_step": 3, "ungated": True}
    run.start({"flair": write_sample}, RunOptions(MODEL, {**chosen, **fixed}, device="cpu"))
    assert isinstance(events_of(run)[-1], Finished)
    parameters = run.detection().findings["parameters"]
    assert (parameters["guidance"], parameters["threshold"], parameters["scaling"]) == (8.0, "dynamic", [0.5])
    assert (parameters["steps"], parameters["fixed_end_step"], parameters["minimum_size"]) == (5, 3, "500mm3")


def test_cancelled_midway(run: DetectionRun, folder: Path) -> None:
    run.start({"flair": write_sample}, ENDLESS)
    wait_for(run, Progress)
    run.cancel()
    assert run.cancelling
    assert events_of(run)[-1] == Cancelled()
    (written,) = folder.rglob("*.nrrd")
    assert written.name == "flair.nrrd" and not list(folder.rglob("result"))
    with pytest.raises(RuntimeError):
        run.detection()


@POSIX
def test_killed_midway(run: DetectionRun) -> None:
    run.start({"flair": write_sample}, ENDLESS)
    wait_for(run, Progress)
    os.kill(pid_of(run), signal.SIGKILL)
    last = events_of(run)[-1]
    assert isinstance(last, Failed)
    assert "ended by signal 9" in last.sentence and last.sentence.endswith(".") and "\n" not in last.sentence
    assert '"stage": "detecting"' in run.log.text()


def test_closed_midway(run: DetectionRun, folder: Path) -> None:
    """The scene is closed: no event, no process, no file."""
    run.start({"flair": write_sample}, ENDLESS)
    wait_for(run, Progress)
    pid = pid_of(run)
    run.close()
    assert run.poll() == [] and not run.running and list(folder.iterdir()) == []
    wait_until(lambda: not is_running(pid))


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (RunOptions("no-such-model"), "There is no model named 'no-such-model'", 3),
        (RunOptions(MODEL, {"guidance": -1.0}), "guidance strength must lie between", 2),
        (RunOptions(MODEL, device="tpu"), "The device 'tpu' is not known", 2),
        (RunOptions(MODEL, {"encoding": "ddpm"}), "no calibration", 2),
    ],
)
def test_failures_are_told_in_the_engines_words(
    run: DetectionRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: RunOptions,
    words: str,
    code: int,
) -> None:
    carry_out_here(monkeypatch, tmp_path)
    run.start({"flair": write_sample}, options)
    last = events_of(run)[-1]
    assert isinstance(last, Failed) and words in last.sentence and last.exit_code == code


def test_an_option_the_engine_does_not_know(run: DetectionRun) -> None:
    """A wrong call ends before the first event."""
    run.start({"flair": write_sample}, RunOptions(MODEL, {"precision": "float8"}))  # type: ignore[arg-type]
    last = events_of(run)[-1]
    assert isinstance(last, Failed) and last.exit_code == 2
    assert "invalid choice: 'float8'" in run.log.text()


def test_an_input_that_cannot_be_written(run: DetectionRun, folder: Path) -> None:
    def fails(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run.start({"flair": write_sample, "t2": fails}, RunOptions(MODEL))
    assert list(folder.iterdir()) == [] and not run.running and run.poll() == []


def test_another_copy_of_the_engine_is_refused(tmp_path: Path, folder: Path) -> None:
    """Such as one that was installed into Slicer's Python."""
    shutil.copytree(MODULE / "anofpdm", tmp_path / "other" / "anofpdm", ignore=shutil.ignore_patterns("__pycache__"))
    run = DetectionRun(WorkerCommand(sys.executable, tmp_path / "other"), folder)
    run.start({"flair": write_sample}, RunOptions(MODEL))
    events = events_of(run)
    run.close()
    assert len(events) == 1 and isinstance(events[0], Failed)
    assert "Another copy of anofpdm" in events[0].sentence and str(tmp_path / "other") in events[0].sentence
