"""What compared methods need to be trained: networks of healthy slices, simplex noise, a classifier of noisy slices."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import write_tiny_model
from training_samples import MODEL, training_config

from anofpdm.core.errors import ModelError, SettingsError
from anofpdm.core.records import record_to_dict
from anofpdm.datasets.slice_cache import SliceCache, open_slice_cache
from anofpdm.diffusion.schedule import NoiseSchedule
from anofpdm.methods.anofpdm.model_config import Purpose
from anofpdm.methods.reconstruction.classifier_folder import load_classifier, open_classifier
from anofpdm.methods.reconstruction.classifier_objective import ClassifierObjective
from anofpdm.methods.reconstruction.noise_classifier import NoiseClassifier
from anofpdm.methods.reconstruction.training import for_purpose
from anofpdm.store.model_folder import ModelFolder
from anofpdm.store.network_weights import save_weights
from anofpdm.thresholds.auroc import area_under_roc
from anofpdm.training.batches import BatchMaker
from anofpdm.training.checkpoint import load_checkpoint
from anofpdm.training.config import AugmentationConfig, TrainingConfig
from anofpdm.training.run import export_checkpoint, run_training
from anofpdm.training.sampling import BatchSampler
from anofpdm.training.training_slices import TrainingSlices

pytest.importorskip("lightning_fabric", reason="needs the train extra: pip install 'anofpdm[train]'")


PURPOSES: tuple[Purpose, ...] = ("anoddpm-gaussian", "anoddpm-simplex", "classifier")


@pytest.fixture(scope="module")
def manifest(labelled_data: Path) -> Path:
    return labelled_data


@pytest.fixture(scope="module")
def cache(training_slices: Path) -> SliceCache:
    return open_slice_cache(training_slices)


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """The diffusion model whose network the classifier is trained for."""
    return write_tiny_model(tmp_path_factory.mktemp("guided") / "guide", MODEL, calibrated=False)


@pytest.mark.parametrize("balance", ["natural", "balanced"])
def test_anoddpm_never_sees_a_slice_labelled_unhealthy_nor_a_label(cache: SliceCache, balance: str) -> None:
    config = for_purpose(
        training_config(balance=balance, augmentation=AugmentationConfig(0, gain=0)), "anoddpm-gaussian"
    )
    rows = cache.indices("train")
    sampler = BatchSampler(cache, rows, config.batch_size, config.balance, config.seed, config.labels)
    seen = np.concatenate([sampler.rows(step) for step in range(60)])
    assert not cache.unhealthy[seen].any()
    assert set(seen) == set(rows[~cache.unhealthy[rows]]), "every healthy slice comes up"
    batch = BatchMaker(TrainingSlices(cache, MODEL), config, torch.device("cpu")).make(3)
    assert (batch.label == -1).all()
    both = BatchMaker(TrainingSlices(cache, MODEL), training_config(), torch.device("cpu")).make(3)
    assert (both.label >= 0).any()


def test_only_the_noise_differs_between_both_kinds_of_anoddpm(cache: SliceCache) -> None:
    slices = TrainingSlices(cache, MODEL)
    configs = [for_purpose(training_config(), name) for name in PURPOSES if name.startswith("anoddpm")]
    gaussian, simplex = (BatchMaker(slices, config, torch.device("cpu")) for config in configs)

    def neighbours(noise: torch.Tensor) -> float:
        return float((noise[..., 1:] * noise[..., :-1]).mean() / noise.var())

    noises = [torch.cat([maker.make(step).noise for step in range(12)]) for maker in (gaussian, simplex)]
    # So small a slice holds hardly one of the long waves.
    assert abs(neighbours(noises[0])) < 0.05 < 0.1 < neighbours(noises[1])
    assert float(noises[1].var()) == pytest.approx(1, abs=0.25)


def test_purposes_keep_network_data_steps_and_schedule() -> None:
    config = training_config()
    for purpose in PURPOSES:
        found = for_purpose(config, purpose)
        for name in ("steps", "batch_size", "learning_rate", "seed", "augmentation"):
            assert getattr(found, name) == getattr(config, name)
        assert replace(found.model, name=config.model.name, purpose="anofpdm") == config.model
    names = {for_purpose(config, purpose).model.name for purpose in PURPOSES}
    assert len(names) == len(PURPOSES)
    with pytest.raises(SettingsError, match="healthy alone"):
        training_config(objective="label", labels="healthy")


def test_a_classifier_learns_bright_lesions_in_noise(
    manifest: Path, cache: SliceCache, guided: ModelFolder, tmp_path: Path
) -> None:
    calm = AugmentationConfig(flip_probability=0.5, gain=0)
    base = training_config(
        steps=400, checkpoint_every=1000, warmup_steps=5, augmentation=calm, learning_rate=5e-3, focus_share=0.7
    )
    config = for_purpose(base, "classifier")
    run_training(
        manifest,
        tmp_path / "run",
        config,
        ClassifierObjective(guided),
        cache_dir=cache.directory,
        tensorboard=False,
        message=lambda _: None,
    )
    folder = open_classifier(tmp_path / "run" / "tiny_classifier")
    assert (folder.network, folder.schedule) == (config.model.network, config.model.schedule)
    network = load_classifier(folder)
    rows = cache.indices("train")
    x0 = torch.from_numpy(cache.x0(rows))
    alpha_bar = NoiseSchedule.linear(MODEL.schedule).alpha_bar
    found = {}
    for level in (10, 100, 999):
        a = float(alpha_bar[level])
        x_t = a**0.5 * x0 + (1 - a) ** 0.5 * torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
        score = network.log_healthy(x_t, torch.full((len(x0),), level))
        found[level] = area_under_roc(-score.numpy(), np.asarray(cache.unhealthy[rows]))
    assert found[10] > 0.85 and found[10] > found[999] + 0.15, found


def test_log_healthy_is_a_probability_and_differentiable() -> None:
    network = NoiseClassifier(MODEL.network)
    x = torch.randn(3, 1, 16, 16, requires_grad=True)
    score = network.log_healthy(x, torch.tensor([0, 10, 900]))
    assert (score < 0).all()
    (gradient,) = torch.autograd.grad(score.sum(), x)
    assert gradient.abs().sum() > 0
    step = 1e-3 * gradient / gradient.norm()
    assert network.log_healthy(x + step, torch.tensor([0, 10, 900])).sum() > score.sum()


def test_classifiers_of_version_0_1_are_read_and_damaged_ones_refused(tmp_path: Path) -> None:
    network = NoiseClassifier(MODEL.network)
    folder = tmp_path / "c"
    folder.mkdir()
    save_weights(network.state_dict(), folder / "classifier.safetensors")
    record = {"schema": 1, "model": record_to_dict(MODEL)}
    (folder / "classifier.json").write_text(json.dumps(record), encoding="utf-8")
    found = open_classifier(folder)
    assert (found.config, found.network, found.schedule) == (MODEL, MODEL.network, MODEL.schedule)
    x, t = torch.randn(2, 1, 16, 16), torch.tensor([5, 500])
    torch.testing.assert_close(load_classifier(found)(x, t), network.eval()(x, t))
    (folder / "classifier.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="damaged"):
        load_classifier(found)
    (folder / "classifier.json").write_text(json.dumps({"schema": 99}), encoding="utf-8")
    with pytest.raises(ModelError, match="schema"):
        open_classifier(folder)
    with pytest.raises(ModelError, match="does not exist"):
        open_classifier(tmp_path / "nowhere")


def test_a_classifier_is_neither_fine_tuned_nor_exported_before_its_end(
    manifest: Path, guided: ModelFolder, tmp_path: Path
) -> None:
    config = for_purpose(training_config(), "classifier")
    with pytest.raises(SettingsError, match="--start-from"):
        run_training(manifest, tmp_path / "run", config, ClassifierObjective(guided), start_from=tmp_path)
    with pytest.raises(SettingsError, match="exported"):
        export_checkpoint(manifest, tmp_path / "run", config, tmp_path / "out", ClassifierObjective(guided))
    with pytest.raises(SettingsError, match="objective is 'label', but this stage trains for 'noise'"):
        run_training(manifest, tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_from_before_an_entry_existed_has_its_default(tmp_path: Path) -> None:
    from anofpdm.training.checkpoint import Checkpoint, save_checkpoint

    config: TrainingConfig = training_config()
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, Checkpoint(3, {}, {}, {}), config, "data")
    record = torch.load(path, weights_only=True)
    for name in ("labels", "noise", "objective"):
        del record["config"][name]
    torch.save(record, path)
    found = load_checkpoint(path, config, "data")
    assert found is not None and found.step == 3
    with pytest.raises(SettingsError, match="labels differs"):
        load_checkpoint(path, for_purpose(config, "anoddpm-gaussian"), "data")
