"""What is measured: a network with its configuration, and slices for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ....core.progress import CancelToken
from ....detect.detector import Image, read_images
from ....network.config import NetworkConfig
from ....network.unet import ConditionalUNet
from ....store.model_folder import ModelFolder
from ....store.network_weights import load_network
from ....training.config import load_training_config
from ....volumes.input_config import GridConfig
from ....volumes.preparation import prepare_case
from ..calibration import Calibration
from ..model_config import DiffusionConfig, diffusion_config
from ..training import DiffusionTraining
from .drawn_head import draw_head_slices

TINY = "tiny"
"""The smallest network, which serves to try the benchmark itself."""


@dataclass(frozen=True)
class Subject:
    """A network in float32 on the CPU, evaluation mode, and N slices."""

    title: str
    source: str
    """What the slices show."""
    config: DiffusionConfig
    network: ConditionalUNet
    calibrations: tuple[Calibration, ...]
    x0: NDArray[np.float32]
    """[N, C, H, W] in [-1, 1]."""
    level: NDArray[np.float32] | None
    """[N] for a network that takes it."""

    @property
    def parameters(self) -> int:
        """Number of the network's parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())


def model_subject(
    folder: ModelFolder,
    calibrations: Sequence[Calibration],
    slices: int,
    images: Image | Mapping[str, Image] | None = None,
) -> Subject:
    """A model and drawn heads, or slices of `images` evenly spread. Raises ModelError or InputError."""
    fitting = tuple(c for c in calibrations if c.weights_sha256 == folder.weights_sha256)
    subject = _with_slices(folder.config.name, diffusion_config(folder, None), load_network(folder), fitting, slices)
    if images is None:
        return subject
    _, volumes = read_images(images, folder.config, CancelToken())
    case = prepare_case({name: each.image for name, each in volumes.items()}, folder.config)
    chosen = np.linspace(0, len(case.x0) - 1, min(slices, len(case.x0)) + 2)[1:-1].round().astype(np.int64)
    level = case.level[case.examined][chosen] if subject.level is not None else None
    return dataclasses.replace(subject, source="slices of a volume", x0=case.x0[chosen], level=level)


def random_subject(name: str, slices: int, seed: int = 0) -> Subject:
    """A network of the size of a training configuration, or TINY, with random weights. Raises SettingsError."""
    config = _tiny_model() if name == TINY else load_training_config(name, DiffusionTraining).model
    title = f"random network of the size of {config.name}"
    return _with_slices(title, config, _random_network(config.network, seed), (), slices)


def _with_slices(
    title: str, config: DiffusionConfig, network: ConditionalUNet, calibrations: tuple[Calibration, ...], slices: int
) -> Subject:
    x0, level = drawn_slices(config, slices)
    return Subject(
        title, "drawn slices", config, network, calibrations, x0, level if config.network.level_embedding else None
    )


def drawn_slices(config: DiffusionConfig, count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slices [N, C, H, W] in [-1, 1] of a drawn head, from low to high, and their levels [N].

    Every modality shows the same picture: how long a network takes does not depend on it.
    """
    height_mm = np.linspace(-50.0, 60.0, count).astype(np.float32)
    image = draw_head_slices(config.grid.matrix, config.grid.pixel_mm, height_mm, seed)
    bright = np.percentile(image[image > 0.1 * image.max()], config.preprocessing.percentile)
    x0 = (2 * np.clip(image / bright, 0, 1) - 1).astype(np.float32)
    level = ((height_mm + 70) / 150).astype(np.float32)
    return np.repeat(x0[:, None], len(config.modalities), axis=1), level


@torch.no_grad()
def _random_network(config: NetworkConfig, seed: int) -> ConditionalUNet:
    """Small weights also where training starts from zero, so that every part of the network has a say."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ConditionalUNet(config).eval()
        for module in network.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear) and not module.weight.any():
                module.weight.normal_(0, module.weight[0].numel() ** -0.5)
    return network


def _tiny_model() -> DiffusionConfig:
    network = NetworkConfig(
        image_size=16,
        in_channels=1,
        base_channels=8,
        channel_multipliers=(1, 2),
        residual_blocks=1,
        attention_px=(8,),
        heads=2,
        norm_groups=4,
        dropout=0.0,
    )
    compact = load_training_config("compact", DiffusionTraining).model
    grid: GridConfig = dataclasses.replace(compact.grid, matrix=network.image_size)
    return dataclasses.replace(compact, name=TINY, network=network, grid=grid)
