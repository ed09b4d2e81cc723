"""A student's training run, from the data to the student's folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.directory_lock import DirectoryLock
from ...core.errors import OutputError
from ...core.progress import CancelToken
from ...synthetic.kept_maps import find_maps, prepare_maps
from ...synthetic.structures import read_structures
from .model_config import Contrast

if TYPE_CHECKING:
    from .stages import Mixture

RATES = {"rendered": 2e-3, "self-training": 5e-4}
CACHE_FOLDER = "slices"
CALIBRATION_HEADS = 80
ANY_IMAGE = "image"
"""The modality of a student of any contrast."""


@dataclass(frozen=True)
class StudentRun:
    """What the command was asked for. `data`: a folder of label maps (stage rendered) or a manifest (self-training)."""

    data: Path
    output: Path
    stage: str
    labels: Path
    label_maps: Path
    start_from: str | None
    teacher: Path | None
    steps: int
    name: str
    contrast: Contrast
    modality: str
    seed: int
    heads: int = CALIBRATION_HEADS
    batch_size: int = 24
    widths: tuple[int, ...] | None = None
    mixture: Mixture | None = None
    cache: Path | None = None


def train_student(run: StudentRun, cancel: CancelToken | None, message: Callable[[str], None]) -> Path:
    """Train, calibrate and write; given again, an interrupted run continues to the same weights.

    Returns the student's folder. Raises SettingsError, InputError, ModelError, OutputError, Cancelled.
    """
    from ...datasets.manifest import read_manifest
    from .calibrate import calibrate_student
    from .config import StudentConfig
    from .model_config import PREPROCESSING, StudentModelConfig, grid_of
    from .network import StudentNetwork
    from .network_weights import folded
    from .predictor import StudentPredictor
    from .stages import Mixture, rendered_maker, self_training_round, train_on_real, train_rendered
    from .student_folder import open_student, write_student
    from .trainer import Schedule

    destination = run.output / run.name
    if destination.exists():
        raise OutputError(f"{destination} exists already: this run is finished; choose another output folder.")
    started = None if run.start_from is None else open_student(run.start_from)
    config = StudentConfig() if run.widths is None else StudentConfig(widths=run.widths)
    if started is not None:
        config = started.config.network
    manifest = read_manifest(run.data, (run.modality,)) if run.stage == "self-training" else None
    structures, paths = read_structures(run.labels), find_maps(run.label_maps)
    new = not run.output.exists()
    lock = DirectoryLock(run.output)
    try:
        _start_writing(run.output, lock)
        maps, validation = prepare_maps(run.output, paths, structures, cancel, message)
        mixture = run.mixture or (Mixture() if run.contrast == "flair" else Mixture.any_contrast())
        schedule = Schedule(steps=run.steps, learning_rate=RATES[run.stage], batch_size=run.batch_size, seed=run.seed)
        weights = None if started is None else started.network().state_dict()
        if manifest is None:
            average = train_rendered(
                maps, run.output, config, schedule, mixture, start_from=weights, cancel=cancel, message=message
            )
        else:
            assert started is not None and weights is not None
            made = self_training_round(
                manifest,
                StudentPredictor(folded(started.network())),
                config,
                run.seed,
                teacher=run.teacher,
                cache=run.cache or run.output / CACHE_FOLDER,
                cancel=cancel,
                message=message,
            )
            average = train_on_real(
                made, maps, run.output, config, schedule, mixture, start_from=weights, cancel=cancel, message=message
            )
        network = StudentNetwork(config.channels, config.widths)
        network.load_state_dict(average)
        maker = rendered_maker(validation, mixture, seed=run.seed + 1)
        predictor = StudentPredictor(folded(network))
        report = calibrate_student(predictor, maker, run.heads, config, cancel=cancel, message=message)
        modality = run.modality if run.contrast == "flair" else ANY_IMAGE
        model = StudentModelConfig(
            name=run.name,
            title=f"{run.name}: {'FLAIR' if run.contrast == 'flair' else 'any contrast'}",
            version="0.1",
            modalities=(modality,),
            used=(modality,),
            contrast=run.contrast,
            network=config,
            calibration=report.calibration,
            trained_on=_trained_on(run, started.config.trained_on if started else ""),
            grid=grid_of(config),
            preprocessing=PREPROCESSING,
        )
        card = f"# {run.name}\n\nTrained on: {model.trained_on}.\n"
        return write_student(destination, model, average, card).path
    finally:
        lock.release()
        if new:
            with contextlib.suppress(OSError):  # as soon as anything of the run lies there
                run.output.rmdir()


def _trained_on(run: StudentRun, before: str) -> str:
    here = f"heads rendered from {run.label_maps.name}" if run.stage == "rendered" else f"volumes of {run.data.name}"
    return "; ".join(part for part in (before, here) if part)


def _start_writing(output: Path, lock: DirectoryLock) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise OutputError(f"The output folder {output} cannot be written to ({error.strerror}).") from error
