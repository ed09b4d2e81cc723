"""Processes, devices and precision, by Lightning Fabric; under `torchrun` this is one process of many."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from .config import TrainingConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16-mixed": "bf16-mixed"}
INSTALL = "pip install 'anofpdm[train]'"


def launch_engine(config: TrainingConfig, device: str = "auto") -> Fabric:
    """A started Fabric for this process.

    `device`: auto, cpu, cuda, cuda:1 or mps; under `torchrun` each process takes the device of its number. Raises
    SettingsError if Fabric is missing or the batch does not divide among the processes.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise SettingsError(f"Training needs Lightning Fabric, which is not installed; run: {INSTALL}") from error
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if config.batch_size % world:
        raise SettingsError(f"A batch of {config.batch_size} slices does not divide among {world} processes.")
    accelerator, devices = _accelerator(device, world)
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator=accelerator,
        devices=local if world > 1 else devices,
        num_nodes=max(1, world // local),
        strategy="ddp" if world > 1 else "auto",
        precision=PRECISIONS[config.precision],
    )
    fabric.launch()
    return fabric


def _accelerator(device: str, world: int) -> tuple[str, Any]:
    """Fabric's accelerator and devices for one process."""
    from ..diffusion.device import choose_device

    chosen = choose_device(device)
    if chosen.warning:
        raise SettingsError(chosen.warning.removesuffix("; the CPU is used instead.") + "; train with --device cpu.")
    index = chosen.device.index
    if world > 1 and index is not None:
        raise SettingsError("Under torchrun each process takes a device of its own; use --device cuda.")
    return chosen.device.type, [index] if index is not None else 1
