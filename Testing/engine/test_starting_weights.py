"""Fine-tuning: a run that starts at a model's weights instead of random ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from network_samples import random_network
from training_samples import MODEL, training_config

from anofpdm.core.errors import Cancelled, ModelError, SettingsError
from anofpdm.core.progress import CancelToken
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.store.network_weights import write_model
from anofpdm.training.checkpoint import CHECKPOINT_FILE
from anofpdm.training.loss_log import read_losses
from anofpdm.training.starting_weights import LEVEL_PREFIX, starting_weights

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")

from anofpdm.training.run import run_training

FROZEN = training_config(steps=2, warmup_steps=0, learning_rate=1e-12, checkpoint_every=1)
"""So small a rate leaves the weights where they start."""


def write(folder: Path, config: DiffusionConfig = MODEL, seed: int = 3) -> Path:
    torch.set_num_threads(1)
    state = random_network(config.network, seed).state_dict()
    return write_model(folder, config, state, model_card="# Start\n").path


@pytest.fixture(scope="module")
def train(labelled_data: Path, training_slices: Path) -> Callable[..., None]:
    def call(output: Path, config: object = FROZEN, **options: object) -> None:
        run_training(
            labelled_data, output, config, cache_dir=training_slices, device="cpu", tensorboard=False, **options
        )  # type: ignore[arg-type]

    return call


def checkpoint(output: Path, part: str = "network") -> dict[str, torch.Tensor]:
    return torch.load(output / CHECKPOINT_FILE, weights_only=True)[part]  # type: ignore[no-any-return]


@pytest.mark.parametrize("part", ["network", "average"])
def test_the_run_starts_at_the_models_weights(train: Callable[..., None], tmp_path: Path, part: str) -> None:
    train(tmp_path / "tuned", start_from=write(tmp_path / "start"))
    train(tmp_path / "anew")
    wanted = random_network(MODEL.network, 3).state_dict()
    tuned, anew = checkpoint(tmp_path / "tuned", part), checkpoint(tmp_path / "anew", part)
    for name, value in wanted.items():
        torch.testing.assert_close(tuned[name], value, atol=1e-6, rtol=0)
    assert not torch.allclose(anew["out.2.weight"], wanted["out.2.weight"], atol=1e-2)


def test_the_level_embedding_is_left_behind(train: Callable[..., None], tmp_path: Path) -> None:
    plain = replace(MODEL, network=replace(MODEL.network, level_embedding=False))
    start = write(tmp_path / "start")
    train(tmp_path / "tuned", replace(FROZEN, model=plain), start_from=start)
    tuned = checkpoint(tmp_path / "tuned")
    source = random_network(MODEL.network, 3).state_dict()
    assert set(source) - set(tuned) == {name for name in source if name.startswith(LEVEL_PREFIX)} != set()
    for name, value in tuned.items():
        torch.testing.assert_close(value, source[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "change",
    [{"base_channels": 16}, {"channel_multipliers": (1, 2, 2)}, {"label_tokens": True}, {"residual_blocks": 2}],
)
def test_another_network_is_refused(train: Callable[..., None], tmp_path: Path, change: dict[str, object]) -> None:
    start = write(tmp_path / "start", replace(MODEL, network=replace(MODEL.network, **change)))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"is not the configuration's; give its settings under model\.network"):
        train(tmp_path / "tuned", start_from=start)
    assert not (tmp_path / "tuned").exists()


def test_a_level_embedding_cannot_be_made_up(tmp_path: Path) -> None:
    start = write(tmp_path / "start", replace(MODEL, network=replace(MODEL.network, level_embedding=False)))
    with pytest.raises(SettingsError, match="tensors are missing, the first is level_embed"):
        starting_weights(start, MODEL.network)


def test_a_missing_or_damaged_model_is_refused(train: Callable[..., None], tmp_path: Path) -> None:
    start = write(tmp_path / "start")
    (start / "weights.safetensors").write_bytes(b"no weights")
    for model, words in ((start, "wrong checksum"), (tmp_path / "none", "does not exist")):
        with pytest.raises(ModelError, match=words):
            train(tmp_path / "tuned", start_from=model)
    assert not (tmp_path / "tuned").exists()


class StopAtOnce(CancelToken):
    """Ends training after its first step, but lets the cache be read."""

    def raise_if_cancelled(self) -> None:
        raise Cancelled("stop")


def test_a_run_that_continues_keeps_its_own_weights(train: Callable[..., None], tmp_path: Path) -> None:
    """The same command given again must not throw the run back to where it started."""
    config = training_config(warmup_steps=0)
    first, second = write(tmp_path / "first"), write(tmp_path / "second", seed=4)
    train(tmp_path / "whole", config, start_from=first)
    with pytest.raises(Cancelled):
        train(tmp_path / "parts", config, start_from=first, cancel=StopAtOnce())
    assert [row[0] for row in read_losses(tmp_path / "parts")] == [1]
    train(tmp_path / "parts", config, start_from=second)
    whole, parts = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "parts")
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, atol=1e-6, rtol=1e-4)
