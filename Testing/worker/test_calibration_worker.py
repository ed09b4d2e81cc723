"""Calibrating in a worker: progress comes, and a cancelled one leaves the model and the user's folder as they were."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bright_model import NAME as MODEL
from fake_worker import MODULE, SAMPLE, events_of, wait_for

from AnoFPDMSegmentLib.model_catalog.catalog import ModelCatalog
from AnoFPDMSegmentLib.worker.command import WorkerCommand
from AnoFPDMSegmentLib.worker.events import Cancelled, Failed, Progress
from AnoFPDMSegmentLib.worker.log import BoundedLog
from AnoFPDMSegmentLib.worker.process import WorkerProcess


@pytest.fixture
def user(bright_default: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("XDG_DATA_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path / "user"


def calibrating(manifest: Path) -> WorkerProcess:
    command = WorkerCommand(sys.executable, MODULE)
    worker = WorkerProcess(command.calibrate(MODEL, manifest, "clinic"), command.environment(), BoundedLog())
    worker.start()
    return worker


def test_cancelled_midway(user: Path, tmp_path: Path) -> None:
    healthy = SAMPLE.with_name("phantom_no_lesion.nii.gz")
    rows = [f"a,val,{SAMPLE},,unhealthy", f"b,val,{healthy},,healthy"]
    manifest = tmp_path / "meine Schichten.csv"
    manifest.write_text("\n".join(["subject,split,flair,slice,label", *rows]) + "\n", encoding="utf-8")
    worker = calibrating(manifest)
    progress = wait_for(worker, Progress)
    assert isinstance(progress, Progress) and progress.what and progress.slices > 20
    worker.cancel()
    assert events_of(worker)[-1] == Cancelled()
    assert not [path for path in user.rglob("*") if path.is_file()]
    assert all(list(model.calibrations) == ["default"] for model in ModelCatalog().models())


def test_a_table_that_cannot_be_used(user: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("nothing\n")
    last = events_of(calibrating(tmp_path / "t.csv"))[-1]
    assert isinstance(last, Failed) and last.exit_code == 2 and "t.csv" in last.sentence
