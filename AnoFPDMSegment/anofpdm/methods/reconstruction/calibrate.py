"""`anofpdm calibrate` for a model that restores slices: its threshold, and how it restores them if that is to be tried.
Torch-free to import."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ...core.errors import SettingsError
from ...core.records import record_to_dict
from ..calibrating import CalibrationTask
from ..knobs import Knob
from ..map_calibrating import Trial
from .model_config import ReconstructionConfig
from .networks import diffusion_network
from .sampling import sampling_of

TRY = "try_"
"""Before the name of a knob of the run."""


def knobs_to_try(knobs: Sequence[Knob]) -> tuple[Knob, ...]:
    """Options that take several values of what needs a rerun."""
    return tuple(_to_try(knob) for knob in knobs if not knob.live)


def _to_try(knob: Knob) -> Knob:
    def read(text: str, option: str) -> tuple[Any, ...]:
        return tuple(knob.read(part, option) for part in text.split(","))

    return Knob(
        TRY + knob.name,
        f"values to try of the {knob.help}, separated by commas; every combination runs over all slices, and "
        "image-level labels choose one for the model (default: its own)",
        live=False,
        metavar=f"{knob.metavar},...",
        read=read,
    )


def trials(task: CalibrationTask, config: ReconstructionConfig) -> tuple[Trial, ...]:
    """The ways to restore that were asked for. Raises SettingsError for one that cannot be."""
    values = {name.removeprefix(TRY): tried for name, tried in task.values.items()}
    if not values:
        return (Trial(),)
    if task.name is not None:
        raise SettingsError(
            "What is tried becomes the model's own setting, not that of a named calibration; leave --name out."
        )
    most = diffusion_network(task.folder, config).shape.schedule.steps
    found = []
    for combination in itertools.product(*values.values()):
        sampling = sampling_of(config, dict(zip(values, combination, strict=True)), most)
        text = ", ".join(f"{name} {value:g}" for name, value in record_to_dict(sampling).items())
        found.append(Trial(sampling, {"sampling": sampling}, text))
    return tuple(found)
