"""`configs/metadata.json`: the fields of MONAI's schema, and that they are true of the network."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_model import tiny_config, write_tiny_model

from anofpdm.methods.anofpdm.bundle_metadata import bundle_metadata
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.network.unet import ConditionalUNet
from anofpdm.store.model_search import find_model, model_of_method

REQUIRED = {
    "schema": str,
    "version": str,
    "monai_version": str,
    "pytorch_version": str,
    "numpy_version": str,
    "required_packages_version": dict,
    "task": str,
    "description": str,
    "authors": str,
    "copyright": str,
    "network_data_format": dict,
}
"""What meta_schema_20240725.json requires; likewise TENSOR of each input and output."""
TENSOR = {"type": str, "format": str, "num_channels": int, "spatial_shape": list, "dtype": str, "value_range": list}
PERMITTED = {"is_patch_data": bool, "channel_def": dict}


def check(values: dict[str, Any]) -> None:
    for name, kind in REQUIRED.items():
        assert type(values[name]) is kind and values[name], name
    assert isinstance(values["references"], list) and all(isinstance(text, str) for text in values["references"])
    for side in ("inputs", "outputs"):
        for tensor in values["network_data_format"][side].values():
            for name, kind in TENSOR.items():
                assert type(tensor[name]) is kind, name
            for name, kind in PERMITTED.items():
                assert type(tensor[name]) is kind, name
            assert len(tensor["channel_def"]) == tensor["num_channels"]


def configs() -> list[DiffusionConfig]:
    plain = tiny_config("two", ("flair", "t2"))
    with_level = dataclasses.replace(plain, network=dataclasses.replace(plain.network, level_embedding=True))
    placed = dataclasses.replace(plain, network=dataclasses.replace(plain.network, patch=2, spatial_condition=True))
    return [plain, with_level, placed]


@pytest.mark.parametrize("config", configs(), ids=["plain", "level", "condition"])
def test_the_network_takes_and_gives_what_is_said(config: DiffusionConfig) -> None:
    values = json.loads(bundle_metadata(config))
    check(values)
    inputs, (noise,) = (values["network_data_format"][side] for side in ("inputs", "outputs"))
    tensors = {
        name: torch.zeros(
            (3, *([entry["num_channels"]] if entry["spatial_shape"] else []), *entry["spatial_shape"]),
            dtype=getattr(torch, entry["dtype"]),
        )
        for name, entry in inputs.items()
    }
    assert ("level" in tensors) == config.network.level_embedding
    assert ("condition" in tensors) == config.network.spatial_condition
    with torch.inference_mode():
        predicted = ConditionalUNet(config.network).eval()(**tensors)
    said = values["network_data_format"]["outputs"][noise]
    assert list(predicted.shape) == [3, said["num_channels"], *said["spatial_shape"]]
    assert predicted.dtype == getattr(torch, said["dtype"])


def test_every_model_folder_has_it_among_its_checksums(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "tiny")
    assert "configs/metadata.json" in folder.checksums
    check(json.loads((folder.path / "configs" / "metadata.json").read_text(encoding="utf-8")))


def test_the_bundled_models_have_it() -> None:
    folder = find_model(model_of_method("anofpdm"))
    values = json.loads((folder.path / "configs" / "metadata.json").read_text(encoding="utf-8"))
    check(values)
    assert values["network_data_format"]["inputs"]["x"]["spatial_shape"] == [folder.config.grid.matrix] * 2
    assert values["version"] == folder.config.version and folder.config.licence in values["copyright"]
