"""Checkpoints in the official format become model folders with the same network, or are refused."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from network_samples import SMALL, random_input, random_network, relative_difference

from anofpdm.core.errors import ModelError, OutputError
from anofpdm.methods.anofpdm.import_official import import_official, infer_network, read_official_state
from anofpdm.network.config import NetworkConfig
from anofpdm.store.model_folder import ModelFolder, open_model_folder
from anofpdm.store.network_weights import empty_network, load_network

MODALITIES = ("flair", "t2")


class RunsCode:
    """What a hostile checkpoint would hold."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("exit 1",)


def run_import(checkpoint: Path, output: Path, **options: Any) -> ModelFolder:
    arguments = {"name": "imported", "modalities": MODALITIES, "used": ("flair",), "image_size": 16, **options}
    return import_official(checkpoint, output, **arguments)


def save(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def averaged_state() -> dict[str, torch.Tensor]:
    """A network's state after an exponential moving average, as training leaves it."""
    average, network = random_network(seed=3), random_network(seed=4)
    with torch.no_grad():
        for kept, new in zip(average.parameters(), network.parameters(), strict=True):
            kept.lerp_(new, 0.25)
    return average.state_dict()


def test_imported_network_predicts_the_same(tmp_path: Path) -> None:
    state = averaged_state()
    folder = run_import(save(state, tmp_path / "ema.pt"), tmp_path / "imported")
    assert open_model_folder(tmp_path / "imported") == folder
    assert folder.calibration is None
    original = random_network()
    original.load_state_dict(state)
    x, t = random_input(3)
    labels = torch.tensor([0, 1, -1])
    with torch.inference_mode():
        assert torch.equal(load_network(folder)(x, t, labels), original(x, t, labels))


def test_settings_of_the_reference(tmp_path: Path) -> None:
    config = run_import(save(averaged_state(), tmp_path / "ema.pt"), tmp_path / "imported").config
    assert config.network == dataclasses.replace(SMALL, dropout=NetworkConfig().dropout)
    assert (config.modalities, config.used, config.healthy_label) == (MODALITIES, ("flair",), 0)
    assert (config.preprocessing.percentile, config.preprocessing.per_slice_min_max) == (99.0, True)
    assert not config.preprocessing.clip
    point = config.operating_point
    assert (point.steps, point.first, point.last, point.encoding, point.clamp) == (600, 1, 600, "ddim", False)
    assert config.grid.field_of_view_mm == 240.0


def test_stored_type_and_labels_may_be_chosen(tmp_path: Path) -> None:
    checkpoint = save(averaged_state(), tmp_path / "ema.pt")
    folder = run_import(checkpoint, tmp_path / "imported", dtype="bfloat16", healthy_label=1)
    assert folder.config.healthy_label == 1 and folder.config.unhealthy_label == 0
    assert folder.weights.stat().st_size < 0.6 * checkpoint.stat().st_size
    with pytest.raises(ModelError, match="int8"):
        run_import(checkpoint, tmp_path / "other", dtype="int8")


@pytest.mark.parametrize(
    "config",
    [
        NetworkConfig(),
        SMALL,
        dataclasses.replace(SMALL, image_size=64, channel_multipliers=(1, 2, 2, 3), attention_px=(16, 8)),
        dataclasses.replace(SMALL, channel_multipliers=(2,), residual_blocks=3, attention_px=(16,), in_channels=1),
        dataclasses.replace(SMALL, label_tokens=False),
    ],
)
def test_shapes_tell_the_network(config: NetworkConfig) -> None:
    state = empty_network(config).state_dict()
    assert infer_network(state, image_size=config.image_size, heads=config.heads) == config


@pytest.mark.parametrize("key", ["state_dict", "model", "ema"])
def test_nested_and_prefixed(tmp_path: Path, key: str) -> None:
    state = averaged_state()
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    read = read_official_state(save({key: prefixed, "step": 5}, tmp_path / "nested.pt"))
    assert list(read) == list(state) and all(torch.equal(read[name], state[name]) for name in state)


def test_the_averaged_network_is_preferred(tmp_path: Path) -> None:
    state = averaged_state()
    other = random_network(seed=9).state_dict()
    read = read_official_state(save({"model": other, "ema": state}, tmp_path / "two.pt"))
    assert torch.equal(read["out.2.bias"], state["out.2.bias"])
    with pytest.raises(ModelError, match=r"several networks \(model, old\)"):
        read_official_state(save({"model": other, "old": state}, tmp_path / "unclear.pt"))


def test_half_precision_checkpoints_are_read(tmp_path: Path) -> None:
    state = {name: tensor.half() for name, tensor in averaged_state().items()}
    read = read_official_state(save(state, tmp_path / "half.pt"))
    assert all(torch.equal(read[name], state[name].float()) for name in state)


@pytest.mark.parametrize("content", [RunsCode(), argparse.Namespace(a=1), np.float64(2.0), torch.nn.Linear(1, 1)])
@pytest.mark.parametrize("zipped", [True, False])
def test_code_is_refused(tmp_path: Path, content: Any, zipped: bool) -> None:
    path = tmp_path / "hostile.pt"
    torch.save({"model": averaged_state(), "args": content}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match="pickled objects"):
        run_import(path, tmp_path / "imported")
    assert not (tmp_path / "imported").exists()


def test_a_plain_pickle_with_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hostile.pt").write_bytes(pickle.dumps(RunsCode(), protocol=2))
    with pytest.raises(ModelError, match="pickled objects"):
        read_official_state(tmp_path / "hostile.pt")


@pytest.mark.parametrize("content", [b"", b"hello there", b"\x80\x02}q", b"PK\x03\x04 no archive"])
def test_not_a_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(ModelError, match="not a PyTorch checkpoint"):
        read_official_state(tmp_path / "x.pt")


def test_a_cut_off_checkpoint(tmp_path: Path) -> None:
    path = save(averaged_state(), tmp_path / "x.pt")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match="cut off or damaged"):
        read_official_state(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        read_official_state(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [{"a": torch.zeros(1)}, [1, 2], {"state": {}, "param_groups": []}, {}])
def test_a_checkpoint_of_something_else(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ModelError, match="holds no network of the reference code"):
        read_official_state(save(content, tmp_path / "x.pt"))


def test_wrong_number_of_modalities(tmp_path: Path) -> None:
    checkpoint = save(averaged_state(), tmp_path / "ema.pt")
    with pytest.raises(ModelError, match=r"takes 2 modalities but 1 were named \(flair\)"):
        run_import(checkpoint, tmp_path / "imported", modalities=("flair",))


def test_wrong_image_size(tmp_path: Path) -> None:
    checkpoint = save(averaged_state(), tmp_path / "ema.pt")
    with pytest.raises(ModelError, match="multiple of 2"):
        run_import(checkpoint, tmp_path / "imported", image_size=17)


def test_networks_that_do_not_fit(tmp_path: Path) -> None:
    state = averaged_state()
    changes: list[tuple[dict[str, torch.Tensor | None], str]] = [
        ({"out.0.bias": None}, r"missing, the first is out\.0\.bias"),
        ({"more": torch.zeros(1)}, "the first is more"),
        ({"middle_block.1.qkv.weight": torch.zeros(3, 4, 1)}, "middle_block.1.qkv.weight has shape"),
        ({"label_emb.weight": torch.zeros(3, 32)}, "two labels"),
        ({"label_emb.weight": None}, "two labels"),
        ({"input_blocks.0.0.weight": None}, "not a network of the reference code"),
        ({"out.2.weight": torch.zeros(4, 32, 3, 3)}, "variance"),
        ({"input_blocks.3.0.in_layers.2.weight": torch.zeros(50, 32, 3, 3)}, "built otherwise"),
        ({"out.2.bias": torch.tensor([float("inf"), 0.0])}, "not finite"),
        ({"out.2.bias": torch.zeros(2, dtype=torch.int64)}, "int64"),
    ]
    for number, (change, message) in enumerate(changes):
        changed = {name: value for name, value in {**copy.copy(state), **change}.items() if value is not None}
        with pytest.raises(ModelError, match=message):
            run_import(save(changed, tmp_path / f"{number}.pt"), tmp_path / "imported")
    assert not (tmp_path / "imported").exists()


def test_an_existing_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "imported").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        run_import(save(averaged_state(), tmp_path / "ema.pt"), tmp_path / "imported")


def test_the_reference_codes_own_file(tmp_path: Path) -> None:
    data = os.environ.get("ANOFPDM_TEST_DATA")
    golden = Path(data).parent / "golden" if data else None
    if golden is None or not (golden / "unet_official_format.pt").is_file():
        pytest.skip("ANOFPDM_TEST_DATA does not name a folder beside the reference figures")
    names = ("flair", "t1", "t1ce", "t2")
    folder = import_official(
        golden / "unet_official_format.pt",
        tmp_path / "imported",
        name="imported",
        modalities=names,
        used=("flair", "t2"),
        image_size=32,
    )
    assert folder.config.used_channels == (0, 3)
    network = load_network(folder)
    with np.load(golden / "unet_official_format.npz") as file:
        figures = {name: torch.from_numpy(file[name]) for name in file.files}
    with torch.inference_mode():
        labelled = network(figures["x"], figures["t"], figures["label"])
        null = network(figures["x"], figures["t"], torch.full_like(figures["label"], -1))
    assert relative_difference(labelled, figures["eps_label"]) < 1e-5
    assert relative_difference(null, figures["eps_null"]) < 1e-5
