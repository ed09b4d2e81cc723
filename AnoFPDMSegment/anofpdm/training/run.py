"""A whole training run: manifest in, model folder out."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.directory_lock import DirectoryLock
from ..core.errors import InputError, OutputError, SettingsError
from ..core.progress import CancelToken, ProgressCallback
from ..datasets.build_slice_cache import build_slice_cache, cache_key
from ..datasets.manifest import Manifest, read_manifest
from ..datasets.slice_cache import SliceCache, open_slice_cache, read_table, table_fits
from ..synthetic.kept_maps import find_maps, prepare_maps
from ..synthetic.structures import Structure, read_structures
from .config import TrainingConfig, training_config_to_dict
from .engine import check_engine, launch_engine, process_rank
from .export import export_model, require_checkpoint
from .monitor import check_tensorboard
from .noise_objective import NoiseObjective
from .objective import Objective, Written
from .rendered_slices import RenderedSlices
from .trainer import Trainer
from .training_slices import TrainingSlices

CACHE_FOLDER = "slices"
CONFIG_RECORD = "training.json"
LOOK_AGAIN_S = 2.0


@dataclass(frozen=True)
class LabelMaps:
    """What heads are rendered from: a folder of label maps, and the table of what their numbers stand for."""

    folder: Path
    table: Path


def run_training(
    manifest_path: str | Path,
    output_dir: str | Path,
    config: TrainingConfig,
    objective: Objective | None = None,
    *,
    start_from: str | Path | None = None,
    label_maps: LabelMaps | None = None,
    cache_dir: str | Path | None = None,
    device: str = "auto",
    tensorboard: bool = True,
    workers: int = 1,
    cancel: CancelToken | None = None,
    message: Callable[[str], None] = print,
    progress: ProgressCallback | None = None,
) -> Written | None:
    """Train from the slices of a manifest, or continue the run in `output_dir`; returns what was written.

    The folder holds `checkpoint.pt`, `losses.csv`, `training.json`, `logs/` for TensorBoard, the cached slices
    (unless `cache_dir` is given) and at the end what the objective makes of the averaged weights, under the model's
    name. Under `torchrun` every process calls this; all but the first return None.

    `objective`: what the network is trained for; None: to predict noise.

    `start_from`: a model folder whose weights the run starts with (fine-tuning); a run that continues has its own.
    `label_maps`: what heads are rendered from, where the configuration asks for that.
    `workers`: processes that prepare slices for the cache. `progress`: told of the volumes whose slices are prepared.

    Raises InputError for mistakes in the manifest, SettingsError if the configuration does not fit the data, the run
    in the folder, the model to start from or the machine, ModelError if that model is damaged, OutputError if the
    folder cannot be written or another run writes to it, Cancelled when the token is set (a single process then
    continues where it stopped).
    """
    output = Path(output_dir)
    # Mistakes are reported before anything slow begins.
    manifest = read_manifest(manifest_path, config.model.modalities)
    destination = output / config.model.name
    if destination.exists():
        raise OutputError(f"{destination} exists already: this run is finished; choose another output folder.")
    objective = _matching(objective, config)
    structures, map_paths = _readable_maps(label_maps, config)
    weights = None if start_from is None else objective.starting_weights(start_from, config)
    chosen = check_engine(config, device)
    first = process_rank() == 0
    quiet = message if first else _silent
    if chosen.warning:
        quiet(chosen.warning)
    if tensorboard and first:
        check_tensorboard()
    lock = DirectoryLock(output)
    new = not output.exists()
    try:
        if first:
            _start_writing(output, lock)
        if map_paths and first:
            prepare_maps(output, map_paths, structures, cancel, quiet)
        folder = Path(cache_dir) if cache_dir is not None else output / CACHE_FOLDER
        cache = _shared_cache(manifest, config, folder, workers, cancel, progress)
        slices = TrainingSlices(cache, config.model)
        fabric = launch_engine(config, chosen)
        with contextlib.ExitStack() as stack:
            rendered = None
            if map_paths:
                maps, _ = prepare_maps(output, map_paths, structures, cancel, quiet)
                rendered = stack.enter_context(RenderedSlices(maps, config))
            trainer = Trainer(
                fabric, slices, config, objective, output, start_from=weights, rendered=rendered, message=quiet
            )
            if first:
                _record_config(output, config)
                if tensorboard:
                    trainer.monitor = objective.watcher(output, slices, config, fabric.device, trainer.step)
            if trainer.step:
                quiet(f"Continuing after step {trainer.step}.")
            trainer.run(cancel)
            if trainer.monitor is not None:
                trainer.monitor.close()
        if not first:
            return None
        return objective.write(destination, config, trainer.average.state(), trainer.step, cache)
    finally:
        lock.release()
        if first and new:
            with contextlib.suppress(OSError):  # as soon as anything of the run lies there
                output.rmdir()


def _readable_maps(label_maps: LabelMaps | None, config: TrainingConfig) -> tuple[Sequence[Structure], list[Path]]:
    """Raises SettingsError if label maps are given in vain or wanting, InputError if they cannot be used."""
    if config.rendered.share == 0:
        if label_maps is not None:
            raise SettingsError(
                "The training configuration renders no heads; set rendered.share, or leave the label maps out."
            )
        return (), []
    if label_maps is None:
        raise SettingsError(
            "The training configuration renders heads; give --label-maps, the folder of label maps, and --labels, the "
            "table that says what their numbers stand for."
        )
    return read_structures(label_maps.table), find_maps(label_maps.folder)


def _matching(objective: Objective | None, config: TrainingConfig) -> Objective:
    """Raises SettingsError if the configuration is for another objective."""
    objective = objective or NoiseObjective()
    if config.objective != objective.name:
        raise SettingsError(
            f"The training configuration's objective is '{config.objective}', but this stage trains for "
            f"'{objective.name}'; leave objective out of the configuration, or choose its method and stage."
        )
    return objective


def _start_writing(output: Path, lock: DirectoryLock) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise OutputError(f"The output folder {output} cannot be written to ({error.strerror}).") from error


def _record_config(output: Path, config: TrainingConfig) -> None:
    """Leave the configuration for the reader; the checkpoint has its own."""
    text = json.dumps(training_config_to_dict(config), indent=2) + "\n"
    try:
        (output / CONFIG_RECORD).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output / CONFIG_RECORD} could not be written ({error.strerror}).") from error


def _shared_cache(
    manifest: Manifest,
    config: TrainingConfig,
    folder: Path,
    workers: int,
    cancel: CancelToken | None,
    progress: ProgressCallback | None,
) -> SliceCache:
    """The cache, built by the first process.

    The others look for it now and then, before the processes are joined: building takes hours for large data sets,
    and joined processes give each other up after minutes.
    """
    if process_rank() == 0:
        return build_slice_cache(manifest, config.model, folder, workers=workers, cancel=cancel, progress=progress)
    key = cache_key(manifest, config.model)
    while not _is_there(folder, key):
        time.sleep(LOOK_AGAIN_S)
    return open_slice_cache(folder)


def _is_there(folder: Path, key: str) -> bool:
    try:
        return table_fits(read_table(folder), key, brains=True)
    except InputError:
        return False


def _silent(text: str) -> None:
    """Only the first process speaks."""


def export_checkpoint(
    manifest_path: str | Path,
    output_dir: str | Path,
    config: TrainingConfig,
    destination: str | Path,
    objective: Objective | None = None,
    *,
    cache_dir: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Written:
    """Write the averaged weights of a run's last checkpoint as a model folder, also while the run goes on.

    Raises what `run_training` raises, and SettingsError if there is no checkpoint yet.
    """
    output = Path(output_dir)
    objective = _matching(objective, config)
    objective.check_export()
    manifest = read_manifest(manifest_path, config.model.modalities)
    require_checkpoint(output)
    cache = build_slice_cache(
        manifest,
        config.model,
        Path(cache_dir) if cache_dir is not None else output / CACHE_FOLDER,
        progress=progress,
    )
    return export_model(output, config, cache, Path(destination), objective)
