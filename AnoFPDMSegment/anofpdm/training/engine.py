"""Processes, devices and precision, by Lightning Fabric; under `torchrun` this is one process of many."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

from ..core.errors import SettingsError
from .config import TrainingConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from ..core.device import ChosenDevice

PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16-mixed": "bf16-mixed"}
INSTALL = "pip install 'anofpdm[train]'"


def launch_engine(config: TrainingConfig, chosen: ChosenDevice) -> Fabric:
    """A started Fabric for this process on the device that `check_engine` gave.

    Under `torchrun` each process takes the device of its number.
    """
    from lightning_fabric import Fabric

    world = process_count()
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    index = chosen.device.index
    single: Any = [index] if index is not None else 1
    fabric = Fabric(
        accelerator=chosen.device.type,
        devices=local if world > 1 else single,
        num_nodes=max(1, world // local),
        strategy="ddp" if world > 1 else "auto",
        precision=PRECISIONS[config.precision],
    )
    fabric.launch()
    return fabric


def process_rank() -> int:
    """The number of this process among those that `torchrun` started; 0 without."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """How many processes `torchrun` started; 1 without."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def check_engine(config: TrainingConfig, device: str = "auto") -> ChosenDevice:
    """The device to train on: auto, cpu, cuda, cuda:1 or mps; with a warning where a GPU gives way to the CPU.

    Raises SettingsError if Fabric is missing, the batch does not divide among the processes, the machine does not have
    the device, or a process of several cannot use it.
    """
    world = process_count()
    if importlib.util.find_spec("lightning_fabric") is None:
        raise SettingsError(f"Training needs Lightning Fabric, which is not installed; install it with {INSTALL}.")
    if config.batch_size % world:
        raise SettingsError(f"A batch of {config.batch_size} slices does not divide among {world} processes.")
    from .training_device import choose_training_device

    chosen = choose_training_device(config, device)
    if world > 1 and chosen.warning:
        # One process alone must not go to another device than its fellows.
        raise SettingsError(chosen.warning.removesuffix("; the CPU is used instead.") + "; train with --device cpu.")
    if world > 1 and chosen.device.index is not None:
        raise SettingsError("Under torchrun each process takes a device of its own; use --device cuda.")
    return chosen
