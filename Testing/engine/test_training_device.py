"""A run takes a device only if it can train the network there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_samples import MODEL, training_config

from anofpdm.core.device import ChosenDevice
from anofpdm.core.errors import SettingsError

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")

from anofpdm.training import training_device
from anofpdm.training.engine import check_engine
from anofpdm.training.run import run_training
from anofpdm.training.training_device import choose_training_device


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meta device holds weights and computes nothing, like a GPU that lacks a kernel."""
    chosen = ChosenDevice(torch.device("meta"), "Nowhere")
    monkeypatch.setattr(training_device, "choose_device", lambda wanted: chosen)


@pytest.mark.parametrize("precision", ["32", "bf16-mixed"])
@pytest.mark.parametrize("level_embedding", [False, True])
def test_one_step_is_possible_where_there_is_a_processor(precision: str, level_embedding: bool) -> None:
    """The proof itself must pass on a sound device, whatever the network."""
    model = replace(MODEL, network=replace(MODEL.network, level_embedding=level_embedding))
    config = training_config(model=model, precision=precision)
    training_device._train_once(config, torch.device("cpu"))


@pytest.mark.usefixtures("nowhere")
def test_a_device_that_cannot_train_gives_way_to_the_cpu() -> None:
    chosen = choose_training_device(training_config())
    assert chosen.device == torch.device("cpu")
    assert chosen.warning.startswith("The device 'meta' is present but cannot run this network (")
    assert chosen.warning.endswith("; the CPU is used instead.")


@pytest.mark.usefixtures("nowhere")
def test_the_run_says_so_and_trains(labelled_data: Path, training_slices: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    said: list[str] = []
    config = training_config(steps=1, warmup_steps=0)
    options = {"cache_dir": training_slices, "tensorboard": False, "message": said.append}
    folder = run_training(labelled_data, tmp_path / "run", config, **options)  # type: ignore[arg-type]
    assert folder is not None and folder.path.is_dir()
    assert said[0].endswith("the CPU is used instead.") and sum("CPU" in line for line in said) == 1


@pytest.mark.usefixtures("nowhere")
def test_one_process_of_several_does_not_change_its_device_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError, match=r"cannot run this network .*; train with --device cpu\."):
        check_engine(training_config())
