"""Weights are judged without torch as they are with it: the same files refused, in the same words."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_model import tiny_config, write_tiny_model

import anofpdm
from anofpdm.core.errors import ModelError
from anofpdm.network.config import NetworkConfig
from anofpdm.network.parameter_shapes import parameter_shapes
from anofpdm.store.model_folder import ModelFolder
from anofpdm.store.model_search import list_models
from anofpdm.store.network_weights import empty_network, load_network
from anofpdm.store.weights_file import check_weights_file

PACKAGE = Path(anofpdm.__file__).parent
NETWORKS = (
    NetworkConfig(),
    tiny_config().network,
    NetworkConfig(32, 1, 8, (1, 2, 4), 1, (16, 8), 2, 4, label_tokens=False, level_embedding=True),
    NetworkConfig(16, 2, 16, (1,), 3, (), 1, 16, input_activation=True),
    NetworkConfig(64, 4, 8, (2, 1, 3), 2, (64, 32, 16), 4, 8),
    NetworkConfig(64, 2, 8, (1, 2), 1, (16,), 2, 4, label_tokens=False, patch=2, spatial_condition=True),
)


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return write_tiny_model(tmp_path / "tiny")


@pytest.mark.parametrize("config", NETWORKS, ids=str)
def test_names_and_shapes_are_the_networks(config: NetworkConfig) -> None:
    state = empty_network(config).state_dict()
    assert parameter_shapes(config) == {name: tuple(tensor.shape) for name, tensor in state.items()}


def test_bundled_models_pass_without_torch() -> None:
    """In a process that cannot import it."""
    models = [str(entry.path) for entry in list_models()]
    assert models
    code = (
        "import sys; sys.modules['torch'] = sys.modules['safetensors'] = None\n"
        "sys.path.insert(0, sys.argv.pop(1))\n"
        "from anofpdm.store.model_folder import open_model_folder\n"
        "from anofpdm.store.weights_file import check_weights_file\n"
        "for path in sys.argv[1:]: check_weights_file(open_model_folder(path))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(PACKAGE.parent), *models], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_stored_type_passes(folder: ModelFolder, dtype: torch.dtype) -> None:
    state = {name: tensor.to(dtype) for name, tensor in load_file(folder.weights).items()}
    save_file(state, folder.weights)
    check_weights_file(folder)
    state["out.2.bias"][0] = float("-inf")
    save_file(state, folder.weights)
    with pytest.raises(ModelError, match=r"out\.2\.bias holds values that are not finite"):
        check_weights_file(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state["out.2.bias"].fill_(float("nan")),
        lambda state: state.pop("out.2.bias"),
        lambda state: state.update(more=torch.zeros(1)),
        lambda state: state.update({"out.2.bias": torch.zeros(7)}),
        lambda state: state.update({"out.2.bias": torch.zeros(1, dtype=torch.int64)}),
        lambda state: state.update({"out.2.bias": torch.zeros(1, dtype=torch.float64)}),
        lambda state: state.clear(),
    ],
)
def test_refused_in_the_words_of_the_engine(folder: ModelFolder, change: Callable[[dict], object]) -> None:
    state = load_file(folder.weights)
    change(state)
    save_file(state, folder.weights)
    with pytest.raises(ModelError) as expected:
        load_network(folder)
    with pytest.raises(ModelError) as found:
        check_weights_file(folder)
    assert str(found.value) == str(expected.value)


def header(**tensors: object) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


def entry(dtype: str, shape: list, offsets: list) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"letters",
        b"\xff" * 64,
        b"\0" * 4096,
        b"[" * 9,
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b'""',
        struct.pack("<Q", 60_000) + b"[" * 60_000,
        header(a=entry("F32", [1], [0, 8]), b=entry("F32", [1], [4, 8])) + b"\0" * 8,
        header(a=entry("F32", [1], [-4, 0])),
        header(a=entry("F32", [1], ["0", "4"])) + b"\0" * 4,
        header(a={"dtype": "F32"}),
        header(a=3),
    ],
)
def test_what_is_no_file_of_weights(folder: ModelFolder, content: bytes) -> None:
    folder.weights.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read"):
        check_weights_file(folder)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.99])
def test_cut_off(folder: ModelFolder, share: float) -> None:
    content = folder.weights.read_bytes()
    folder.weights.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match="cannot be read"):
        check_weights_file(folder)


def test_a_header_that_lies_about_sizes(folder: ModelFolder) -> None:
    """Every tensor is there and in place, but one is said to be of another type."""
    content = folder.weights.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    told = json.loads(content[8 : 8 + length])
    told["out.2.bias"]["dtype"] = "BF16"
    folder.weights.write_bytes(header(**told) + content[8 + length :])
    with pytest.raises(ModelError, match="another size than its shape says"):
        check_weights_file(folder)
