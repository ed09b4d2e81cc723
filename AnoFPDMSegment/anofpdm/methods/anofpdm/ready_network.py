"""A model's network on a device where it runs: the device is proved by the network itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from ...core.device import ChosenDevice, choose_device, confirm_device, fastest_precision
from ...diffusion.denoisers import NetworkPredictor
from ...diffusion.slices import SlicePredictor
from ...network.config import NULL_LABEL
from ...store.model_folder import ModelFolder
from ...store.network_weights import load_network
from .calibration import Calibration, calibration_for
from .model_config import DiffusionConfig, diffusion_config
from .operating_point import OperatingPoint


def ready_predictor(
    folder: ModelFolder, wanted: str = "auto", config: DiffusionConfig | None = None
) -> tuple[NetworkPredictor, ChosenDevice]:
    """The network of a checked model folder, and the device it lies on.

    Args:
        wanted: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        config: replaces the folder's configuration (another operating point).

    A GPU that is there but cannot run the network gives way to the CPU, and the device carries a warning that says so.
    Raises ModelError or SettingsError.
    """
    config = config or diffusion_config(folder, None)
    chosen = choose_device(wanted)
    predictor = _load_predictor(folder, config, chosen.device)
    if chosen.device.type != "cpu":
        confirmed = confirm_device(chosen, lambda: _evaluate_once(predictor, config, chosen.device))
        if confirmed is not chosen:
            # Read again: after a failure of its own the device may not even give the weights back.
            predictor = _load_predictor(folder, config, confirmed.device)
        chosen = confirmed
    return predictor, chosen


def fastest_point(
    point: OperatingPoint, calibrations: Sequence[Calibration], weights_sha256: str, wanted: str = "auto"
) -> OperatingPoint:
    """`point` in the precision in which the device `wanted` computes fastest, where the model is calibrated for that.

    Else `point` as it is: thresholds are not carried over to another precision without being asked for. Raises
    SettingsError for a device that is not there.
    """
    other = dataclasses.replace(point, precision=fastest_precision(choose_device(wanted).device))
    calibration, borrowed = calibration_for(calibrations, other, weights_sha256)
    return other if calibration is not None and not borrowed else point


def _load_predictor(folder: ModelFolder, config: DiffusionConfig, device: torch.device) -> NetworkPredictor:
    return NetworkPredictor.prepared(load_network(folder, device), config.operating_point.precision)


@torch.inference_mode()
def _evaluate_once(predictor: SlicePredictor, config: DiffusionConfig, device: torch.device) -> None:
    """The smallest evaluation of a run: one slice, healthy and null label."""
    level = torch.full((1,), 0.5, device=device) if config.network.level_embedding else None
    x = torch.zeros(2, len(config.modalities), config.grid.matrix, config.grid.matrix, device=device)
    t = torch.full((2,), config.operating_point.first - 1, dtype=torch.int64, device=device)
    label = torch.tensor([config.healthy_label, NULL_LABEL])
    predictor.for_slices(level)(x, t, label).sum().item()
