"""A student's answer for one volume, on the volume's own voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from anofpdm.core.progress import CancelToken
from anofpdm.methods.student.config import StudentConfig
from anofpdm.methods.student.predictor import StudentPredictor
from anofpdm.methods.student.student_stack import StudentStack, student_stack
from anofpdm.volumes.geometry import VolumeGeometry
from anofpdm.volumes.resampling import stack_to_volume

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MarkedVolume:
    """Maps [k, j, i] on the input's grid: probability of a lesion (0 outside the brain), its uncertainty, and brain."""

    probability: Floats
    uncertainty: Floats
    brain: Floats
    stack: StudentStack


def mark_volume(
    image: sitk.Image, predictor: StudentPredictor, config: StudentConfig, *, cancel: CancelToken | None = None
) -> MarkedVolume:
    """Mark lesions in a checked volume. Raises InputError if it shows no head, and Cancelled."""
    stack = student_stack(image, config)
    spacing = stack.grid.slice_spacing_mm if len(stack.slices) > 1 else 0.0
    found = predictor.predict(stack.slices, spacing, cancel)
    geometry = VolumeGeometry.from_image(image)
    probability, uncertainty, brain = (
        stack_to_volume(values, stack.grid, geometry) for values in (found.inside, found.uncertainty, found.brain)
    )
    return MarkedVolume(probability, uncertainty, brain, stack)
