"""The device a training run takes: proved by one real training step of its network."""

from __future__ import annotations

import torch

from ..core.device import ChosenDevice, choose_device, confirm_device
from ..network.unet import ConditionalUNet
from .config import TrainingConfig


def choose_training_device(config: TrainingConfig, wanted: str = "auto") -> ChosenDevice:
    """The device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    A GPU that is there but cannot train the network gives way to the CPU, and the device carries a warning that says
    so. Raises SettingsError for an unknown device or one this machine does not have.
    """
    chosen = choose_device(wanted)
    if chosen.device.type == "cpu":
        return chosen
    return confirm_device(chosen, lambda: _train_once(config, chosen.device))


def _train_once(config: TrainingConfig, device: torch.device) -> None:
    """Loss and gradient of a single slice, in the run's precision."""
    model = config.model
    network: torch.nn.Module = ConditionalUNet(model.network)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.zeros(1, len(model.modalities), model.grid.matrix, model.grid.matrix, device=device)
    t = torch.zeros(1, dtype=torch.int64, device=device)
    label = torch.tensor([model.healthy_label], device=device)
    level = torch.full((1,), 0.5, device=device) if model.network.level_embedding else None
    with torch.autocast(device.type, torch.bfloat16, enabled=config.precision != "32"):
        predicted = network(x.contiguous(memory_format=torch.channels_last), t, label, level)
    loss = (predicted.float() - 1).square().mean()
    loss.backward()
    # Waits for the device, where errors of a kernel show.
    torch.stack([p.grad.sum() for p in network.parameters() if p.grad is not None]).sum().item()
