"""A stage that the engine's training loop carries out: a configuration and an objective. Torch-free to import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import SettingsError
from ..training.config import TrainingConfig, load_training_config, shipped_configs
from .knobs import Knob, Switch
from .training import TrainingTask

if TYPE_CHECKING:
    from ..training.objective import Objective

LOOP_KNOBS = (
    Knob(
        "config",
        f"JSON file, or one of those shipped: {', '.join(shipped_configs())} (default: compact)",
        live=False,
        metavar="FILE",
    ),
    Knob(
        "tensorboard",
        "",
        live=False,
        switches=(Switch("no-tensorboard", False, "write losses.csv alone"),),
    ),
    Knob(
        "label_maps",
        "folder of label maps, if the configuration renders heads; a quarter of them is kept from training",
        live=False,
        metavar="FOLDER",
    ),
    Knob("labels", "CSV table of the label maps: label, structure", live=False, metavar="TABLE"),
    Knob(
        "export",
        "do not train: write the model of the run's last checkpoint to FOLDER",
        live=False,
        metavar="FOLDER",
    ),
)


@dataclass(frozen=True)
class SharedLoop:
    """A `Fitter`."""

    record: type[TrainingConfig]
    """Of the configuration's file, with the method's own `model`."""
    objective: Callable[[TrainingTask, TrainingConfig], Objective]
    """For what was asked for and the stage's configuration; raises what shows before anything slow begins. May import
    torch."""
    adapt: Callable[[TrainingConfig], TrainingConfig] = lambda config: config
    """What of the configuration the stage sets itself."""
    following: str = ""
    """What the user is told to do with the trained model."""

    def __call__(self, task: TrainingTask) -> str:
        """See `Fitter`."""
        config = self.adapt(load_training_config(task.values.get("config", "compact"), self.record))
        import torch

        from ..training.run import LabelMaps, export_checkpoint, run_training

        if task.threads is not None:
            torch.set_num_threads(task.threads)
        objective = self.objective(task, config)
        export = task.values.get("export")
        if export is not None:
            early = export_checkpoint(
                task.data, task.output, config, export, objective, cache_dir=task.cache, progress=task.progress
            )
            return f"Written to {early.path}."
        maps, table = task.values.get("label_maps"), task.values.get("labels")
        if (maps is None) != (table is None):
            raise SettingsError("--label-maps and --labels go together: the label maps, and what their numbers mean.")
        written = run_training(
            task.data,
            task.output,
            config,
            objective,
            start_from=task.start_from,
            label_maps=None if maps is None or table is None else LabelMaps(Path(maps), Path(table)),
            cache_dir=task.cache,
            device=task.device,
            tensorboard=task.values.get("tensorboard", True),
            workers=task.workers,
            cancel=task.cancel,
            message=task.message,
            progress=task.progress,
        )
        return "" if written is None else f"Trained. The model lies in {written.path}{self.following}."
