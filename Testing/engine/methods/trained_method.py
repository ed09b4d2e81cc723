"""A method that another package brings with a training of its own: a fit without gradients."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save_file

from anofpdm.core.errors import InputError
from anofpdm.methods.knobs import Knob, number
from anofpdm.methods.map_method import MapCalibration, MapConfig, MapMethod
from anofpdm.methods.training import Stage, TrainingTask
from anofpdm.store.model_folder import write_model_folder
from anofpdm.volumes.input_config import GridConfig, PreprocessingConfig


def fit(task: TrainingTask) -> str:
    """The mean of the numbers in a file, times a factor, is the threshold."""
    try:
        values = [float(line) for line in task.data.read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise InputError(f"{task.data} holds no numbers; name a file of numbers.") from error
    config = MapConfig(
        name="fitted",
        title="Fitted",
        method="fitted",
        modalities=("flair",),
        used=("flair",),
        grid=GridConfig(matrix=64),
        preprocessing=PreprocessingConfig(anatomy="both"),
        calibration=MapCalibration(float(np.mean(values)) * task.values.get("factor", 1.0)),
    )
    model = write_model_folder(
        task.output / "fitted", config, lambda file: save_file({}, file), model_card="# Fitted\n"
    )
    task.message("Fitted to the numbers.")
    return f"The model lies in {model.path}."


class Fitted(MapMethod):
    """Its map is the image."""

    name = "fitted"
    title = "Fitted"
    stages = (Stage("fit", "MANIFEST is a file of numbers", fit, (Knob("factor", "of the mean", False, read=number),)),)

    def compute(self, model, prepared, settings, *, batch_size, report, cancel):
        """[S, H, W]."""
        return {"map": np.clip(prepared.intensities[0], 0, None)}


METHOD = Fitted()
