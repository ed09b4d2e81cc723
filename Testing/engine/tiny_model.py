"""A model folder with an untrained network, small enough for tests of everything around the network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from anofpdm.methods.anofpdm.calibration import Calibration, calibrations_to_json
from anofpdm.methods.anofpdm.model_config import DiffusionConfig
from anofpdm.methods.anofpdm.operating_point import OperatingPoint
from anofpdm.network.config import NetworkConfig
from anofpdm.network.unet import ConditionalUNet
from anofpdm.store.model_folder import ModelFolder, write_calibration
from anofpdm.store.network_weights import write_model
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig

POINT = OperatingPoint(steps=3, first=1, last=300)


def tiny_config(name: str = "tiny", modalities: tuple[str, ...] = ("flair",), matrix: int = 16) -> DiffusionConfig:
    """An untrained model's configuration: `matrix` pixels over 240 mm, three steps."""
    return DiffusionConfig(
        name=name,
        title="Untrained test model",
        modalities=modalities,
        used=modalities[:2],
        network=NetworkConfig(
            image_size=matrix,
            in_channels=len(modalities),
            base_channels=8,
            channel_multipliers=(1, 2),
            residual_blocks=1,
            attention_px=(matrix // 2,),
            heads=2,
            norm_groups=4,
            dropout=0.0,
        ),
        grid=GridConfig(matrix=matrix, level="head_extent"),
        preprocessing=PreprocessingConfig(anatomy="both"),
        operating_point=POINT,
        minimum_size_px=0,
        licence="CC0-1.0",
    )


def tiny_calibration(weights_sha256: str, channels: int = 1, point: OperatingPoint = POINT, **changes: object):
    """A calibration of plausible form; `changes` replace its fields."""
    rows = len(point.guidance_bank) if point.clamp else 1
    guidance = point.guidance_bank or (0.0, 2.0, 8.0)
    n = len(guidance)
    calibration = Calibration(
        name="default",
        weights_sha256=weights_sha256,
        operating_point=point,
        guidance=guidance,
        default_guidance=guidance[1],
        accuracy=(0.9,) * n,
        auroc=(0.95,) * n,
        decision="map",
        similarity_threshold=(0.99,) * n,
        map_threshold=tuple(1e-9 * (1 + w) ** 2 for w in guidance),
        top_pixels=5,
        threshold="healthy",
        healthy_level=0.99,
        healthy_threshold=tuple(0.02 * (1 + w) ** 2 for w in guidance),
        scaling=((0.01,) * channels,) * rows,
        slices=10,
        unhealthy_slices=5,
        subjects=2,
    )
    return dataclasses.replace(calibration, **changes)


def write_tiny_model(path: Path, config: DiffusionConfig | None = None, *, calibrated: bool = True) -> ModelFolder:
    """Write the folder; the same weights every time."""
    config = config or tiny_config(path.name)
    torch.manual_seed(5)
    network = ConditionalUNet(config.network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    folder = write_model(path, config, network.state_dict(), model_card="# Untrained test model\n")
    if calibrated:
        calibration = tiny_calibration(folder.weights_sha256, len(config.used), config.operating_point)
        folder = write_calibration(folder, calibrations_to_json([calibration]))
    return folder
