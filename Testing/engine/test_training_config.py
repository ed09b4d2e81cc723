"""Training configurations: the shipped ones, strict reading, and the learning rate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import training_config

from anofpdm.core.errors import SettingsError
from anofpdm.methods.anofpdm.training import DiffusionTraining
from anofpdm.store.model_search import find_model
from anofpdm.store.network_weights import empty_network
from anofpdm.training.config import (
    learning_rate,
    load_training_config,
    shipped_configs,
    training_config_from_dict,
    training_config_to_dict,
)

STAGES = ("lgg-flair", "lgg-flair-fine", "brain-flair", "brain-flair-fine")


def test_the_shipped_configurations_are_those_of_the_paper_and_a_compact_one() -> None:
    others = ["atlas", "brain-flair", "brain-flair-fine", "brats21", "compact", "compared-flair"]
    assert shipped_configs() == [*others, *STAGES[:2], "spatial-flair"]
    brats, atlas, compact = (load_training_config(name, DiffusionTraining) for name in ("brats21", "atlas", "compact"))
    for paper, steps in ((brats, 210_000), (atlas, 290_000)):
        assert (paper.steps, paper.batch_size, paper.learning_rate) == (steps, 64, 1e-4)
        assert (paper.ema_decay, paper.label_dropout, paper.model.network.dropout) == (0.9999, 0.1, 0.1)
        assert (paper.decay, paper.warmup_steps, paper.focus_share) == ("constant", 0, 0)
        assert paper.model.preprocessing.percentile == 99
    assert (brats.model.modalities, brats.model.used) == (("flair", "t1", "t1ce", "t2"), ("flair", "t2"))
    assert atlas.model.modalities == ("t1",)
    assert compact.model.network.image_size == 64
    assert compact.balance == "balanced"
    assert compact.model.grid.level == "head_extent"


def test_the_stages_of_the_bundled_model_fit_together() -> None:
    stages = [load_training_config(name, DiffusionTraining).model for name in STAGES]
    assert [stage.name for stage in stages] == ["lgg-flair-start", "lgg-flair", "brain-flair-start", "brain-flair"]
    assert all(stage.network == stages[0].network and stage.grid == stages[0].grid for stage in stages)
    shipped = find_model("brain-flair").config
    assert (shipped.network, shipped.grid) == (stages[-1].network, stages[-1].grid)
    assert shipped.preprocessing == stages[-1].preprocessing and shipped.title == stages[-1].title


def test_the_networks_of_compared_methods_see_what_the_bundled_model_sees() -> None:
    compared, shipped = (
        load_training_config("compared-flair", DiffusionTraining).model,
        find_model("brain-flair").config,
    )
    assert (compared.grid, compared.preprocessing, compared.schedule) == (
        shipped.grid,
        shipped.preprocessing,
        shipped.schedule,
    )


@pytest.mark.parametrize(("name", "millions"), [("brats21", 103.08), ("compact", 1.94)])
def test_the_shipped_networks_have_the_sizes_they_are_known_by(name: str, millions: float) -> None:
    network = empty_network(load_training_config(name, DiffusionTraining).model.network)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


def test_a_configuration_reads_back() -> None:
    config = training_config()
    assert (
        training_config_from_dict(json.loads(json.dumps(training_config_to_dict(config))), "x", DiffusionTraining)
        == config
    )


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("stepz", 3, "unknown entry 'stepz'"),
        ("steps", "many", "steps must be of type int"),
        ("decay", "sudden", "decay must be one of constant, linear, cosine"),
        ("label_dropout", 0.0, "the null label is never learned"),
        ("warmup_steps", 13, "warmup_steps must lie between 0 and steps"),
        ("focus_levels", 2000, "focus_levels must lie within"),
        ("batch_size", 0, "batch_size must be at least 1"),
        ("model", {"name": "x"}, "model is incomplete"),
    ],
)
def test_mistakes_are_named(place: str, value: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**training_config_to_dict(training_config()), place: value}))
    with pytest.raises(SettingsError, match=words):
        load_training_config(path, DiffusionTraining)


def test_a_missing_file_names_what_is_shipped(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="one of atlas, brain-flair, brain-flair-fine, brats21, compact"):
        load_training_config(tmp_path / "none.json", DiffusionTraining)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_training_config(tmp_path / "broken.json", DiffusionTraining)


def test_the_learning_rate_warms_up_and_falls() -> None:
    shared = {"steps": 100, "warmup_steps": 10, "learning_rate": 1.0, "final_rate": 0.1}
    rates = {
        decay: np.array([learning_rate(training_config(decay=decay, **shared), s) for s in range(100)])
        for decay in ("constant", "linear", "cosine")
    }
    for rate in rates.values():
        np.testing.assert_allclose(rate[:10], np.arange(1, 11) / 11)
        assert rate[10] == 1
    assert (rates["constant"][10:] == 1).all()
    np.testing.assert_allclose(np.diff(rates["linear"][10:]), -0.9 / 90)
    assert rates["cosine"][55] == pytest.approx(0.55)
    assert rates["cosine"][99] == pytest.approx(0.1, abs=1e-3)


def test_reading_a_configuration_needs_no_torch() -> None:
    import subprocess
    import sys

    engine = Path(__file__).parents[2] / "AnoFPDMSegment"
    script = (
        "import sys, anofpdm.cli.train; from anofpdm.training.config import load_training_config; "
        "from anofpdm.methods.anofpdm.training import DiffusionTraining; "
        "load_training_config('compact', DiffusionTraining); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": str(engine)})


def test_the_averaged_weights_follow_slowly() -> None:
    from anofpdm.training.ema import AveragedWeights

    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    average = AveragedWeights(layer, 0.9)
    torch.nn.init.ones_(layer.weight)
    expected = 0.0
    for step in range(50):
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + 1 - decay
        average.update(layer, step)
        assert average.state()["weight"].item() == pytest.approx(expected, rel=1e-5)
