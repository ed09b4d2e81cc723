"""Training runs: the same loss curve after a kill, refusals, the model written, and that a model learns."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import MODEL, training_config, with_unreadable_masks

from anofpdm.core.errors import Cancelled, InputError, ModelError, OutputError, SettingsError
from anofpdm.core.progress import CancelToken
from anofpdm.datasets.slice_cache import SliceCache, open_slice_cache
from anofpdm.store.model_folder import open_model_folder
from anofpdm.store.network_weights import load_network
from anofpdm.training.checkpoint import CHECKPOINT_FILE
from anofpdm.training.config import TrainingConfig
from anofpdm.training.loss_log import LOSSES_FILE, Row, read_losses

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")

from anofpdm.training.run import export_checkpoint, run_training

ENGINE = Path(__file__).parents[2] / "AnoFPDMSegment"
KILLED_RUN = """
import os, signal, sys
import torch
from training_samples import training_config
from anofpdm.training import trainer
from anofpdm.training.run import run_training
torch.set_num_threads(1)
original = trainer.Trainer._train_step
def step(self, batch):
    if self.step == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, batch)
trainer.Trainer._train_step = step
run_training(sys.argv[1], sys.argv[2], training_config(), cache_dir=sys.argv[3], device="cpu", tensorboard=False)
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def manifest(labelled_data: Path) -> Path:
    return labelled_data


@pytest.fixture(scope="module")
def cache(training_slices: Path) -> SliceCache:
    return open_slice_cache(training_slices)


@pytest.fixture(scope="module")
def train(manifest: Path, cache: SliceCache) -> Callable[..., None]:
    def call(output: Path, config: TrainingConfig, **options: object) -> None:
        arguments = {"cache_dir": cache.directory, "device": "cpu", "tensorboard": False, **options}
        run_training(manifest, output, config, **arguments)  # type: ignore[arg-type]

    return call


@pytest.fixture(scope="module")
def finished(train: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("finished")
    train(output, training_config())
    return output


def python_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ENGINE), str(Path(__file__).parent)])}


def same_curve(one: list[Row], other: list[Row]) -> None:
    assert [row[0] for row in one] == [row[0] for row in other]
    np.testing.assert_allclose([row[1:] for row in one], [row[1:] for row in other], rtol=1e-6)


def weights(output: Path) -> dict[str, torch.Tensor]:
    return torch.load(output / CHECKPOINT_FILE, weights_only=True)["average"]  # type: ignore[no-any-return]


def test_a_killed_run_continues_with_the_same_loss_curve(
    finished: Path, train: Callable[..., None], manifest: Path, cache: SliceCache, tmp_path: Path
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, str(manifest), str(tmp_path), str(cache.directory)],
        env=python_environment(),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert len(read_losses(tmp_path)) == 5, "the checkpoint after step 5 is the last that was reached"
    # A row that was cut off while it was written must not stay.
    with (tmp_path / LOSSES_FILE).open("a") as stream:
        stream.write("6,0.1")
    said: list[str] = []
    train(tmp_path, training_config(), message=said.append)
    assert said[0] == "Continuing after step 5."
    same_curve(read_losses(finished), read_losses(tmp_path))
    ours, theirs = weights(finished), weights(tmp_path)
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, rtol=1e-5, atol=1e-7)


def test_a_cancelled_run_is_saved_at_its_last_step(finished: Path, train: Callable[..., None], tmp_path: Path) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled, match=r"after step 10;"):
        train(tmp_path, training_config(), cancel=CancelAfter(9))
    assert [row[0] for row in read_losses(tmp_path)] == list(range(1, 11))
    train(tmp_path, training_config(), cancel=cancel)
    same_curve(read_losses(finished), read_losses(tmp_path))


class CancelAfter(CancelToken):
    """Raises from the n-th time it is asked inside the training loop."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self._left = asked

    def raise_if_cancelled(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.cancel()
        super().raise_if_cancelled()


def test_the_curve_follows_the_seed(finished: Path, train: Callable[..., None], tmp_path: Path) -> None:
    train(tmp_path, training_config(seed=1))
    assert read_losses(tmp_path)[0][1] != read_losses(finished)[0][1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 1e-3}, "learning_rate"),
        ({"model": replace(MODEL, name="other")}, "model.name"),
        ({"augmentation": replace(training_config().augmentation, gain=0.2)}, "augmentation.gain"),
    ],
)
def test_another_configuration_is_refused(
    change: dict[str, object], named: str, finished: Path, train: Callable[..., None], tmp_path: Path
) -> None:
    shutil.copy(finished / CHECKPOINT_FILE, tmp_path)
    before = (tmp_path / CHECKPOINT_FILE).read_bytes()
    with pytest.raises(SettingsError, match=rf"another configuration \({named} differs\)"):
        train(tmp_path, training_config(**change))
    assert (tmp_path / CHECKPOINT_FILE).read_bytes() == before


def test_other_data_are_refused(finished: Path, manifest: Path, tmp_path: Path) -> None:
    shutil.copy(finished / CHECKPOINT_FILE, tmp_path)
    fewer = manifest.with_name("fewer.csv")
    fewer.write_text("\n".join(manifest.read_text().splitlines()[:-5]) + "\n")
    with pytest.raises(SettingsError, match="other data"):
        run_training(fewer, tmp_path, training_config(), device="cpu", tensorboard=False)


def test_a_damaged_checkpoint_is_refused(finished: Path, train: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT_FILE).write_bytes((finished / CHECKPOINT_FILE).read_bytes()[:-1000])
    with pytest.raises(ModelError, match="cannot be read; remove it"):
        train(tmp_path, training_config())


def test_a_finished_run_is_not_repeated(finished: Path, train: Callable[..., None]) -> None:
    with pytest.raises(OutputError, match="this run is finished"):
        train(finished, training_config())


def test_the_model_is_the_average_in_bfloat16_without_calibration(finished: Path) -> None:
    folder = open_model_folder(finished / "tiny")
    assert folder.config == MODEL
    assert folder.calibration is None
    network = load_network(folder)
    for name, value in weights(finished).items():
        assert torch.equal(network.state_dict()[name], value.bfloat16().float())
    train_slices = [line for line in folder.model_card.splitlines() if line.startswith("| a |")]
    assert len(train_slices) == 1, folder.model_card


def test_a_model_can_be_taken_from_a_run_that_goes_on(
    finished: Path, manifest: Path, cache: SliceCache, tmp_path: Path
) -> None:
    folder = export_checkpoint(manifest, finished, training_config(), tmp_path / "taken", cache_dir=cache.directory)
    assert folder.weights_sha256 == open_model_folder(finished / "tiny").weights_sha256
    with pytest.raises(SettingsError, match="no checkpoint in"):
        export_checkpoint(manifest, tmp_path, training_config(), tmp_path / "none", cache_dir=cache.directory)


def test_mistakes_in_the_manifest_come_first(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("subject,split,flair,slice,label\na,train,none.nii.gz,0,1\nb,nowhere,none.nii.gz,0,1\n")
    with pytest.raises(InputError) as caught:
        run_training(path, tmp_path / "run", training_config(), device="cpu")
    assert f"{path}:2:" in str(caught.value)
    assert f"{path}:3:" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_pixel_masks_are_never_opened(finished: Path, manifest: Path, tmp_path: Path) -> None:
    """Masks that cannot be read change nothing: the same slices, the same losses."""
    masked = with_unreadable_masks(manifest)
    run_training(masked, tmp_path, training_config(), device="cpu", tensorboard=False)
    same_curve(read_losses(tmp_path), read_losses(finished))


def test_a_loss_that_is_no_number_ends_the_run(train: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no longer a number"):
        train(
            tmp_path, training_config(learning_rate=1.0, warmup_steps=0, gradient_clip=0.0, steps=60, decay="constant")
        )
    assert not (tmp_path / "tiny").exists()


def test_the_loss_falls(train: Callable[..., None], tmp_path: Path) -> None:
    train(tmp_path, training_config(steps=80, decay="cosine", checkpoint_every=80))
    losses = [row[1] for row in read_losses(tmp_path)]
    assert np.mean(losses[:5]) > 0.8
    assert np.mean(losses[-10:]) < 0.35
    rates = [row[2] for row in read_losses(tmp_path)]
    assert max(rates) == rates[3] == pytest.approx(2e-3)
    assert rates[-1] < 1e-5
