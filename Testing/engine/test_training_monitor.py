"""What TensorBoard is told, that looking does not change the run, and the command."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import training_config

from anofpdm.cli.main import build_parser
from anofpdm.cli.train import train
from anofpdm.core.errors import SettingsError
from anofpdm.core.progress import CancelToken
from anofpdm.methods.anofpdm.curve_picture import HEALTHY, UNHEALTHY, draw_curves
from anofpdm.results.line_chart import HEIGHT, MARGIN
from anofpdm.training.config import MonitorConfig, training_config_to_dict
from anofpdm.training.loss_log import read_losses

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")
pytest.importorskip("tensorboard", reason="needs the train extra: pip install 'anofpdm[train]'")

from tensorboard.backend.event_processing import event_accumulator as accumulator

LOOKING = MonitorConfig(every=6, validation_slices=6, curves=2, samples=2, sample_steps=3)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def manifest(labelled_data: Path) -> Path:
    return labelled_data


def call(*words: object) -> int:
    return train(build_parser().parse_args(["train", *map(str, words)]), CancelToken())


def hide(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make a package look as if it were not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted: None if wanted == name else find(wanted))


def write_config(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps(training_config_to_dict(training_config(**changes))))
    return path


def test_the_command_trains_writes_and_shows(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looking = write_config(tmp_path / "looking.json", monitor=LOOKING)
    blind = write_config(tmp_path / "blind.json")
    shared = ("--cache", tmp_path / "slices", "--device", "cpu")
    assert call(manifest, "--output", tmp_path / "one", "--config", looking, *shared, "--threads", 1) == 0
    assert f"The model lies in {tmp_path / 'one' / 'tiny'}" in capsys.readouterr().out
    assert call(manifest, "--output", tmp_path / "two", "--config", blind, *shared, "--no-tensorboard") == 0
    assert read_losses(tmp_path / "one") == read_losses(tmp_path / "two"), "looking must not change the run"
    assert not (tmp_path / "two" / "logs").exists()
    assert (
        call(manifest, "--output", tmp_path / "one", "--config", looking, *shared, "--export", tmp_path / "model") == 0
    )
    assert (tmp_path / "model" / "weights.safetensors").exists()

    events = accumulator.EventAccumulator(str(tmp_path / "one" / "logs"))
    events.Reload()
    losses = [entry.value for entry in events.Scalars("training/loss")]
    np.testing.assert_allclose(losses, [row[1] for row in read_losses(tmp_path / "one")], rtol=1e-6)
    scalars = set(events.Tags()["scalars"])
    for tag in ("loss_a_as_is", "loss_b_as_is", "loss_a_stripped"):
        steps = [entry.step for entry in events.Scalars(f"validation/{tag}")]
        assert steps == [6, 12], tag
    assert "validation/loss_b_stripped" not in scalars, "what is stripped already cannot be stripped"
    assert {"divergence/largest_healthy", "divergence/largest_unhealthy"} <= scalars
    assert set(events.Tags()["images"]) == {"divergence/curves", "samples/flair_healthy_unhealthy_null"}
    picture = events.Images("samples/flair_healthy_unhealthy_null")[0]
    assert (picture.width, picture.height) == (LOOKING.samples * 16, 3 * 16)


def test_missing_tensorboard_is_named(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "tensorboard")
    config = write_config(tmp_path / "config.json")
    with pytest.raises(SettingsError, match="train with --no-tensorboard"):
        call(manifest, "--output", tmp_path / "run", "--config", config, "--device", "cpu")
    assert not (tmp_path / "run").exists()


def test_a_missing_engine_is_named(manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "lightning_fabric")
    config = write_config(tmp_path / "config.json")
    with pytest.raises(SettingsError, match=r"Lightning Fabric, .*; install it with pip install 'anofpdm"):
        call(manifest, "--output", tmp_path / "run", "--config", config, "--device", "cpu")
    assert not (tmp_path / "run").exists()


def test_an_accelerator_that_is_not_there_is_named(manifest: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    config = write_config(tmp_path / "config.json")
    with pytest.raises(SettingsError, match="no usable 'cuda' device"):
        call(manifest, "--output", tmp_path / "run", "--config", config, "--device", "cuda")


def test_curves_are_drawn_to_scale() -> None:
    levels = np.array([0, 100, 399])
    pixels = draw_curves(levels, [(False, np.array([0.5, 0.5, 0.5])), (True, np.array([0.0, 0.5, 1.0]))])
    red = np.argwhere((pixels == UNHEALTHY).all(axis=2))
    blue = np.argwhere((pixels == HEALTHY).all(axis=2))
    assert red[:, 0].min() == MARGIN, "the largest value is at the top"
    assert abs(blue[:, 0].mean() - HEIGHT / 2) < 2
