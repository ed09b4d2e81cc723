"""`configs/metadata.json` of a model folder: what the network takes and gives, as MONAI bundles describe it.

Torch-free. The fields are those that MONAI's schema of 2024-07-25 requires, and some that it permits.
"""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any

from .model_config import DiffusionConfig

SCHEMA = "https://project-monai.github.io/schema/meta_schema_20240725.json"
MONAI_VERSION = "1.4.0"
"""The release whose bundle specification is followed; MONAI itself is not used."""
PAPER = "AnoFPDM: Anomaly Detection with Forward Process of Diffusion Models for Brain MRI, arXiv:2404.15683"


def bundle_metadata(config: DiffusionConfig) -> str:
    """The text of `configs/metadata.json`; the installed versions of the packages are written into it."""
    network = config.network
    shape = [network.image_size, network.image_size]
    names = ", ".join(config.modalities)
    record = {
        "schema": SCHEMA,
        "version": config.version,
        "monai_version": MONAI_VERSION,
        "pytorch_version": _version("torch"),
        "numpy_version": _version("numpy"),
        "required_packages_version": {name: _version(name) for name in ("safetensors", "SimpleITK")},
        "name": config.title,
        "task": "Finding and outlining lesions in brain MRI, learned from image-level labels",
        "description": f"Conditional noise predictor of AnoFPDM for axial slices of {names}, "
        f"{config.grid.pixel_mm:g} mm a pixel. The package anofpdm reads config.json and weights.safetensors and runs "
        "the forward process with them.",
        "authors": "See MODEL_CARD.md",
        "copyright": f"Licence of the weights: {config.licence}{' (non-commercial)' if config.non_commercial else ''}",
        "data_source": config.trained_on or "Not stated",
        "intended_use": "Research use only, not for clinical diagnosis.",
        "references": [PAPER, *([config.citation] if config.citation else [])],
        "network_data_format": {"inputs": _inputs(config, shape), "outputs": {"noise": _noise(config, shape)}},
    }
    return json.dumps(record, indent=2) + "\n"


def _inputs(config: DiffusionConfig, shape: list[int]) -> dict[str, Any]:
    """The arguments of the network's forward pass, in their order."""
    inputs = {
        "x": {
            **_tensor("image", "magnitude", len(config.modalities), shape, "float32"),
            "modality": "MR",
            "channel_def": {
                str(number): f"{name}, scaled to [-1, 1], with the noise of level t"
                for number, name in enumerate(config.modalities)
            },
        },
        "t": {
            **_tensor("tuples", "indices", 1, [], "int64", [0, config.schedule.steps - 1]),
            "channel_def": {"0": "noise level of each slice, from 0"},
        },
        "label": {
            **_tensor("tuples", "indices", 1, [], "int64", [-1, 1]),
            "channel_def": {
                "0": f"{config.healthy_label} healthy, {config.unhealthy_label} unhealthy, -1 the null label"
            },
        },
    }
    if config.network.level_embedding:
        inputs["level"] = {
            **_tensor("tuples", "magnitude", 1, [], "float32", [0, 1]),
            "channel_def": {"0": "relative level of each slice in the head, NaN where unknown"},
        }
    if config.network.spatial_condition:
        inputs["condition"] = {
            **_tensor("image", "magnitude", 1, shape, "float32", [0, 1]),
            "channel_def": {"0": "amount of lesion, NaN where unknown; if left out, what the label says of it"},
        }
    return inputs


def _noise(config: DiffusionConfig, shape: list[int]) -> dict[str, Any]:
    return {
        **_tensor("image", "magnitude", len(config.modalities), shape, "float32"),
        "channel_def": {str(number): f"noise in {name}" for number, name in enumerate(config.modalities)},
    }


def _tensor(
    kind: str, form: str, channels: int, shape: list[int], dtype: str, value_range: list[float] | None = None
) -> dict[str, Any]:
    return {
        "type": kind,
        "format": form,
        "modality": "n/a",
        "num_channels": channels,
        "spatial_shape": shape,
        "dtype": dtype,
        "value_range": value_range or [],
        "is_patch_data": False,
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
