"""How AnoFPDM is trained. Torch-free to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...training.config import TrainingConfig
from ..shared_loop import LOOP_KNOBS, SharedLoop
from ..training import Stage, TrainingTask
from .model_config import DiffusionConfig

if TYPE_CHECKING:
    from ...training.objective import Objective


@dataclass(frozen=True)
class DiffusionTraining(TrainingConfig):
    """A training configuration whose model is AnoFPDM's."""

    model: DiffusionConfig


def _objective(task: TrainingTask, config: TrainingConfig) -> Objective:
    from .objective import AnoFPDMObjective

    return AnoFPDMObjective()


STAGES = (
    Stage(
        "network",
        "the noise predictor, from image-level labels",
        SharedLoop(DiffusionTraining, _objective, following="; calibrate it next"),
        LOOP_KNOBS,
        purpose="anofpdm",
    ),
)
