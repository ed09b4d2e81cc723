"""Two processes on the CPU train as one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import training_config, without_dropout

from anofpdm.core.errors import SettingsError
from anofpdm.store.model_folder import open_model_folder
from anofpdm.training.checkpoint import CHECKPOINT_FILE
from anofpdm.training.loss_log import read_losses

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")

from anofpdm.training.engine import check_engine
from anofpdm.training.run import run_training

ENGINE = Path(__file__).parents[2] / "AnoFPDMSegment"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
SCRIPT = """
import sys
import torch
from training_samples import without_dropout
from anofpdm.training.run import run_training
torch.set_num_threads(1)
options = {"cache_dir": sys.argv[3], "device": "cpu", "tensorboard": False}
run_training(sys.argv[1], sys.argv[2], without_dropout(), **options)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def test_two_processes_train_as_one(labelled_data: Path, training_slices: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    script = tmp_path / "train_two.py"
    script.write_text(SCRIPT)
    one, two = tmp_path / "one", tmp_path / "two"
    paths = [str(ENGINE), str(Path(__file__).parent)]
    result = subprocess.run(
        [*TORCHRUN, *(str(path) for path in (script, labelled_data, two, training_slices))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("of 12: loss") == 3, "only the first process speaks"
    run_training(labelled_data, one, without_dropout(), cache_dir=training_slices, device="cpu", tensorboard=False)
    np.testing.assert_allclose([row[1] for row in read_losses(two)], [row[1] for row in read_losses(one)], rtol=1e-4)
    averages = [torch.load(run / CHECKPOINT_FILE, weights_only=True)["average"] for run in (one, two)]
    for name, value in averages[0].items():
        torch.testing.assert_close(averages[1][name], value, rtol=1e-2, atol=1e-4)
    assert open_model_folder(two / "tiny").config == without_dropout().model


def test_a_batch_that_does_not_divide_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(SettingsError, match="8 slices does not divide among 3 processes"):
        check_engine(training_config(), "cpu")
