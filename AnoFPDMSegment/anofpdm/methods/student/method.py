"""The student as a method of the engine: one evaluation a slice and its mirror image. Torch-free to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.progress import CancelToken
from ...volumes.standardise import standardise
from ..map_evidence import MapAnswer
from ..map_method import MapMethod, Report
from ..method import Method
from .config import StudentCalibration
from .model_config import NAME, StudentModelConfig
from .own_measures import brain_measures
from .parameter_shapes import parameter_shapes
from .training import STAGES

if TYPE_CHECKING:
    from ...core.arrays import BoolArray, FloatArray
    from ...results.case import CaseEvidence
    from ...store.model_folder import ModelFolder
    from ...volumes.preparation import PreparedCase
    from .predictor import StudentPredictor


class Student(MapMethod):
    """A network that marks lesions, trained without one that a human drew. Its map is a calibrated probability."""

    name = NAME
    title = "Student"
    config_type = StudentModelConfig
    calibration_type = StudentCalibration
    others = ("uncertainty",)
    """Half of what the mirror image's answer differs by."""
    below = 1.0
    evaluations = 2
    """Of each slice, as it is and mirrored."""
    stages = STAGES

    def open_model(self, folder: ModelFolder) -> StudentPredictor:
        """See `MapMethod`."""
        from .student_folder import student_of

        return student_of(folder).predictor()

    def compute(
        self,
        model: StudentPredictor,
        prepared: PreparedCase,
        settings: Mapping[str, Any],
        *,
        batch_size: int | None,
        report: Report,
        cancel: CancelToken,
    ) -> dict[str, FloatArray]:
        """See `MapMethod`."""
        from .predictor import BATCH

        stack = standardise(prepared.intensities[0])
        spacing = prepared.grid.slice_spacing_mm if len(stack) > 1 else 0.0
        found = model.predict(stack, spacing, cancel, batch=batch_size or BATCH, on_progress=report)
        return {"map": found.inside, "uncertainty": found.uncertainty}

    def accepted(self, case: CaseEvidence) -> np.ndarray:
        """Wherever the network sees brain; elsewhere the probability is 0."""
        return np.ones((len(case.evidence), *case.evidence.shape[2:]), dtype=bool)

    def probability(self, case: CaseEvidence, answer: MapAnswer) -> FloatArray:
        """See `Method`."""
        return np.asarray(case.evidence.map[:, 0])

    def tissue(self, case: CaseEvidence) -> BoolArray:
        """Where it sees brain: elsewhere its map is 0."""
        return np.asarray(case.evidence.map[:, 0] > 0)

    def own_measures(self, case: CaseEvidence) -> Mapping[str, float]:
        """See `own_measures.brain_measures`."""
        return brain_measures(case.evidence, case.calibration.threshold)

    def parameter_shapes(self, config: StudentModelConfig) -> Mapping[str, tuple[int, ...]]:
        """See `Method`."""
        return parameter_shapes(config.network)


METHODS: tuple[Method, ...] = (Student(),)
