"""The student as a method of the engine: one evaluation a slice and its mirror image. Torch-free to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import SettingsError
from ...thresholds.settings import MinimumSize
from ..method import Method, Notice, Runner
from .config import StudentCalibration
from .evidence import StudentAnswer, StudentEvidence, answer, evidence_arrays, evidence_from
from .model_config import NAME, StudentModelConfig
from .settings import KNOBS, StudentSettings

if TYPE_CHECKING:
    from ...core.arrays import FloatArray
    from ...results.case import CaseEvidence
    from ...store.model_folder import ModelFolder


class Student:
    """A network that marks lesions, trained without one that a human drew."""

    name = NAME
    title = "Student"
    knobs = KNOBS
    config_type = StudentModelConfig
    settings_type = StudentSettings
    calibration_type = StudentCalibration

    def load(
        self,
        folder: ModelFolder,
        *,
        device: str = "auto",
        calibration: str | None = None,
        preset: str | None = None,
        run: Any = None,
        notice: Notice,
    ) -> Runner:
        """See `Method`."""
        if device not in ("auto", "cpu"):
            raise SettingsError("A student runs on the processor; leave --device out.")
        if calibration not in (None, "default") or preset is not None:
            raise SettingsError("A student has one calibration and no presets; leave --calibration and --preset out.")
        from .runner import StudentRunner
        from .student_folder import student_of

        student = student_of(folder)
        return StudentRunner(student.config, student.predictor(), weights_sha256=folder.weights_sha256)

    def overlaid(self, before: StudentSettings, given: Mapping[str, Any], calibration: Any = None) -> StudentSettings:
        """See `Method`."""
        return dataclasses.replace(before, **given)

    def check_model(self, folder: ModelFolder) -> None:
        """Every student can be applied."""

    def parameter_shapes(self, config: StudentModelConfig) -> Mapping[str, tuple[int, ...]]:
        """See `Method`. Imports torch."""
        from .network_weights import parameter_shapes

        return parameter_shapes(config.network)

    def bundle_metadata(self, config: StudentModelConfig) -> None:
        """A student is no bundle of MONAI's."""

    def answer(self, case: CaseEvidence) -> StudentAnswer:
        """See `Method`."""
        settings: StudentSettings = case.settings
        threshold = case.calibration.threshold if settings.threshold is None else settings.threshold
        return answer(case.evidence, threshold, settings.minimum_size or MinimumSize(case.model.minimum_size_px))

    def probability(self, case: CaseEvidence) -> FloatArray:
        """See `Method`."""
        return np.asarray(case.evidence.probability[:, 0])

    def model_lines(self, folder: ModelFolder) -> list[str]:
        """See `Method`."""
        assert isinstance(folder.config, StudentModelConfig)
        return [f"  threshold   probability {folder.config.calibration.threshold:g}"]

    def with_calibration(self, case: CaseEvidence, name: str) -> CaseEvidence:
        """See `Method`."""
        if name != "default":
            raise SettingsError("A student has one calibration; leave --calibration out.")
        return case

    def slice_facts(self, case: CaseEvidence, answer: StudentAnswer) -> list[Mapping[str, Any]]:
        """See `Method`."""
        return [{"threshold": answer.threshold}] * len(answer.score)

    def parameters(self, case: CaseEvidence, answer: StudentAnswer) -> Mapping[str, Any]:
        """See `Method`."""
        return {
            "threshold": answer.threshold,
            "minimum_size": str(answer.minimum_size),
            "temperature": case.calibration.temperature,
            "bias": case.calibration.bias,
        }

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """See `Method`."""
        return f"marked where the probability of a lesion is {parameters['threshold']:g} or more"

    def warnings(self, case: CaseEvidence, answer: StudentAnswer) -> list[str]:
        """None of its own."""
        return []

    def calibration_label(self, case: CaseEvidence) -> str:
        """Its own."""
        return "default"

    def healthy_picture(self, case: CaseEvidence, answer: StudentAnswer) -> None:
        """It predicts no healthy image."""

    def curves(self, case: CaseEvidence, answer: StudentAnswer, row: int) -> None:
        """It has none."""

    def evidence_record(self, evidence: StudentEvidence) -> dict[str, Any]:
        """See `Method`."""
        return {}

    def evidence_arrays(self, evidence: StudentEvidence) -> dict[str, np.ndarray]:
        """See `Method`."""
        return evidence_arrays(evidence)

    def evidence_shapes(
        self, record: Any, slices: int, channels: int, height: int, width: int
    ) -> dict[str, tuple[int, ...]]:
        """See `Method`."""
        return dict.fromkeys(("probability", "uncertainty"), (slices, 1, height, width))

    def evidence_from(self, record: Any, arrays: Mapping[str, np.ndarray]) -> StudentEvidence:
        """See `Method`."""
        return evidence_from(arrays)


METHODS: tuple[Method, ...] = (Student(),)
