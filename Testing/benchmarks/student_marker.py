"""The student as a user meets it: from a volume to the probability of a lesion in each of its voxels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk
import torch
from mark_volume import mark_volume

from anofpdm.core.arrays import FloatArray
from anofpdm.core.errors import ModelError
from anofpdm.methods.student.config import StudentConfig
from anofpdm.methods.student.network import StudentNetwork
from anofpdm.methods.student.predictor import StudentPredictor
from anofpdm.methods.student.student_folder import open_student


@dataclass(frozen=True)
class StudentMarker:
    """A student, its configuration and the probability from which on it marks."""

    predictor: StudentPredictor
    config: StudentConfig

    @property
    def threshold(self) -> float:
        """The default."""
        return self.predictor.calibration.threshold

    def probability(self, image: sitk.Image) -> FloatArray:
        """Probability of a lesion [k, j, i] on the volume's own grid. Raises InputError if it shows no head."""
        return mark_volume(image, self.predictor, self.config).probability


def load_predictor(name_or_path: str) -> StudentMarker:
    """A student by name or folder, or the file of weights that its training left (uncalibrated).

    Raises ModelError if there is none or it cannot be read.
    """
    if not Path(name_or_path).is_file():
        student = open_student(name_or_path)
        return StudentMarker(student.predictor(), student.config.network)
    config = StudentConfig()
    network = StudentNetwork(config.channels, config.widths)
    try:
        network.load_state_dict(torch.load(name_or_path, map_location="cpu", weights_only=True)["average"])
    except Exception as error:
        raise ModelError(f"{name_or_path} is no checkpoint of a student's training; name a student.") from error
    return StudentMarker(StudentPredictor(network), config)
