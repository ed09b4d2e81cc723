"""Calibrating in a worker: progress comes, and a cancelled one leaves the model and the user's folder as they were."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bright_model import NAME as MODEL
from fake_worker import MODULE, SAMPLE, events_of, wait_for
from worker_here import carry_out_here

from anofpdm.app.model_catalog.catalog import ModelCatalog
from anofpdm.app.worker.calibration_run import CalibrationRun
from anofpdm.app.worker.command import WorkerCommand
from anofpdm.app.worker.events import Cancelled, Failed, Progress


@pytest.fixture
def user(bright_default: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("XDG_DATA_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "user"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[CalibrationRun]:
    """Closed in any case; nothing of it stays in the folder of runs."""
    place = tmp_path / "runs"
    place.mkdir()
    run = CalibrationRun(WorkerCommand(sys.executable, MODULE), place)
    yield run
    run.close()
    assert list(place.iterdir()) == []


def manifest_of(tmp_path: Path) -> Path:
    healthy = SAMPLE.with_name("phantom_no_lesion.nii.gz")
    rows = [f"a,val,{SAMPLE},,unhealthy", f"b,val,{healthy},,healthy"]
    manifest = tmp_path / "meine Schichten.csv"
    manifest.write_text("\n".join(["subject,split,flair,slice,label", *rows]) + "\n", encoding="utf-8")
    return manifest


def test_cancelled_midway(user: Path, run: CalibrationRun, tmp_path: Path) -> None:
    run.start(MODEL, manifest_of(tmp_path), "clinic")
    progress = wait_for(run, Progress)
    assert isinstance(progress, Progress) and progress.what and progress.slices > 20
    # The cache of slices: should the worker be ended at once, it goes with the run's folder.
    assert [path for path in (tmp_path / "runs").rglob("slices/*") if path.is_file()]
    run.cancel()
    assert events_of(run)[-1] == Cancelled()
    assert not [path for path in user.rglob("*") if path.is_file()]
    assert all(list(model.calibrations) == ["default"] for model in ModelCatalog().models())


def test_a_table_that_cannot_be_used(
    user: Path, run: CalibrationRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out_here(monkeypatch, tmp_path)
    (tmp_path / "t.csv").write_text("nothing\n")
    run.start(MODEL, tmp_path / "t.csv", "clinic")
    last = events_of(run)[-1]
    assert isinstance(last, Failed) and last.exit_code == 2 and "t.csv" in last.sentence
