"""A whole training run: manifest in, model folder out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..datasets.build_slice_cache import build_slice_cache
from ..datasets.manifest import read_manifest
from ..errors import OutputError
from ..progress import CancelToken
from ..results.directory_lock import DirectoryLock
from ..store.model_folder import ModelFolder
from .config import TrainingConfig, training_config_to_dict
from .engine import launch_engine
from .export import export_model, write_averaged
from .monitor import Monitor
from .trainer import Trainer, check_output
from .training_slices import TrainingSlices

CACHE_FOLDER = "slices"
CONFIG_RECORD = "training.json"


def run_training(
    manifest_path: str | Path,
    output_dir: str | Path,
    config: TrainingConfig,
    *,
    cache_dir: str | Path | None = None,
    device: str = "auto",
    tensorboard: bool = True,
    cancel: CancelToken | None = None,
    message: Callable[[str], None] = print,
) -> ModelFolder | None:
    """Train from the slices of a manifest, or continue the run in `output_dir`; returns the model folder written.

    The folder holds `checkpoint.pt`, `losses.csv`, `training.json`, `logs/` for TensorBoard, the cached slices
    (unless `cache_dir` is given) and at the end the uncalibrated model under its name. Under `torchrun` every process
    calls this; all but the first return None.

    Raises InputError for mistakes in the manifest, SettingsError if the configuration does not fit the data, the run
    in the folder or the machine, OutputError if the folder cannot be written or another run writes to it, Cancelled
    when the token is set (a single process then continues where it stopped).
    """
    output = Path(output_dir)
    # Mistakes are reported before anything slow begins.
    manifest = read_manifest(manifest_path, config.model.modalities)
    destination = output / config.model.name
    if destination.exists():
        raise OutputError(f"{destination} exists already: this run is finished; choose another output folder.")
    check_output(output)
    fabric = launch_engine(config, device)
    first = fabric.is_global_zero
    lock = DirectoryLock(output)
    if first:
        lock.acquire()
    try:
        folder = Path(cache_dir) if cache_dir is not None else output / CACHE_FOLDER
        with fabric.rank_zero_first():
            cache = build_slice_cache(manifest, config.model, folder, cancel=cancel)
        slices = TrainingSlices(cache, config.model)
        quiet = message if first else _silent
        trainer = Trainer(fabric, slices, config, output, message=quiet)
        if first:
            text = json.dumps(training_config_to_dict(config), indent=2) + "\n"
            (output / CONFIG_RECORD).write_text(text, encoding="utf-8")
            if tensorboard:
                trainer.monitor = Monitor(output, slices, config, fabric.device, trainer.step)
        if trainer.step:
            quiet(f"Continuing after step {trainer.step}.")
        trainer.run(cancel)
        return write_averaged(trainer.average.state(), trainer.step, config, cache, destination) if first else None
    finally:
        lock.release()


def _silent(text: str) -> None:
    """Only the first process speaks."""


def export_checkpoint(
    manifest_path: str | Path,
    output_dir: str | Path,
    config: TrainingConfig,
    destination: str | Path,
    *,
    cache_dir: str | Path | None = None,
) -> ModelFolder:
    """Write the averaged weights of a run's last checkpoint as a model folder, also while the run goes on.

    Raises what `run_training` raises, and SettingsError if there is no checkpoint yet.
    """
    output = Path(output_dir)
    manifest = read_manifest(manifest_path, config.model.modalities)
    cache = build_slice_cache(
        manifest, config.model, Path(cache_dir) if cache_dir is not None else output / CACHE_FOLDER
    )
    return export_model(output, config, cache, Path(destination))
