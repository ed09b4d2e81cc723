"""The student as a user meets it: from a volume to the probability of a lesion in each of its voxels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from anofpdm.arrays import FloatArray
from anofpdm.errors import ModelError
from anofpdm.methods.student.config import StudentConfig
from anofpdm.methods.student.network import StudentNetwork
from anofpdm.methods.student.predictor import StudentPredictor
from anofpdm.methods.student.student_stack import student_stack
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.resampling import stack_to_volume

DEFAULT_THRESHOLD = 0.5
LEAST_BRAIN = 0.3
"""Nothing is marked where the network finds brain less probable than this."""


@dataclass(frozen=True)
class StudentMarker:
    """A student, its configuration and the probability from which on it marks."""

    predictor: StudentPredictor
    config: StudentConfig
    threshold: float = DEFAULT_THRESHOLD

    def probability(self, image: sitk.Image) -> FloatArray:
        """Probability of a lesion [k, j, i] on the volume's own grid. Raises InputError if it shows no head."""
        stack = student_stack(image, self.config)
        answer = self.predictor.predict(stack.slices, stack.grid.slice_spacing_mm)
        inside = np.where(answer.brain > LEAST_BRAIN, answer.probability, 0)
        return stack_to_volume(inside, stack.grid, VolumeGeometry.from_image(image))


def load_predictor(path: Path) -> StudentMarker:
    """Load a student's weights. Raises ModelError if they cannot be read or are no student's."""
    config = StudentConfig()
    network = StudentNetwork(config.channels, config.widths)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    except Exception as error:
        raise ModelError(f"{path} cannot be read as a student's weights; give a checkpoint of its training.") from error
    return StudentMarker(StudentPredictor(network), config)
