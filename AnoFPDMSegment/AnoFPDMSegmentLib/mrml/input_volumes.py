"""Volumes of the scene as input: which can be used, which is which, and how they reach the worker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .output_frame import geometryOf
from .voxels import ijkToRAS, isTransformLinear, parentToWorld, voxelsOf

if TYPE_CHECKING:
    from .scene_context import SceneContext

RESULT_ATTRIBUTE = "AnoFPDM.ResultVolume"
"""Marks volumes that a detection made."""
_SHEAR = 1e-2
"""Largest cosine between two axes of a voxel; the engine's reader refuses more."""
_NAMES = {
    "flair": r"flair",
    "t1ce": r"t1[-_ ]?(ce|c|gd|km|post|contrast)|(post|gd|ce)[-_ ]?t1w?",
    "t1": r"t1w?|mprage|spgr",
    "t2": r"t2w?",
}
"""What a whole word of a volume's name may be, in the order in which they are looked for: T2-FLAIR is FLAIR."""


def checkInput(node: Any) -> tuple[bool, str]:
    """Whether a node can be examined, and if not, a sentence that says what to do."""
    if node is None:
        return False, "Choose a volume."
    called = f"The volume {node.GetName()}"
    if node.GetAttribute(RESULT_ATTRIBUTE):
        return False, f"{called} is itself a result; choose the image."
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        return False, f"{called} is a label map; choose a scalar volume."
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        return False, f"{called} is empty; load its image."
    if image.GetNumberOfScalarComponents() != 1:
        return False, f"{called} has several values in each voxel; choose a scalar volume."
    if min(image.GetDimensions()) < 1 or sum(size > 1 for size in image.GetDimensions()) < 3:
        return False, f"{called} is a single slice; load the whole examination."
    voxels = voxelsOf(image)
    if not np.isfinite(voxels).all():
        return False, f"{called} holds values that are not finite; load the original image."
    if voxels.min() == voxels.max():
        return False, f"{called} has the same value everywhere; choose another volume."
    return _checkPlace(node, called)


def _checkPlace(node: Any, called: str) -> tuple[bool, str]:
    if not isTransformLinear(node):
        return False, f"{called} lies under a transform that is not linear; take it out of the transform or harden it."
    axes = (parentToWorld(node) @ ijkToRAS(node))[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(axes).all() or not lengths.all():
        return False, f"{called} has no spacing along some axis; load the original image."
    cosines = (axes / lengths).T @ (axes / lengths)
    if np.abs(cosines - np.eye(3)).max() > _SHEAR:
        return False, f"{called} is sheared by its transform; take it out of the transform or resample it."
    return True, ""


def exportVolume(node: Any, path: Path) -> None:
    """Write a volume as NRRD where it lies in the world, parent transforms applied; its voxels stay as they are.

    Raises anofpdm's InputError if the volume cannot be examined, OSError if the file cannot be written.
    """
    from anofpdm.errors import InputError
    from anofpdm.volumes.nrrd_file import write_nrrd

    usable, sentence = checkInput(node)
    if not usable:
        raise InputError(sentence)
    write_nrrd(Path(path), voxelsOf(node.GetImageData()), worldGeometry(node), compressed=False)


def worldGeometry(node: Any) -> Any:
    """The anofpdm geometry of a volume in the world. Raises ValueError under a transform that is not linear."""
    return geometryOf(parentToWorld(node) @ ijkToRAS(node), node.GetImageData().GetDimensions())


def guessInputs(context: SceneContext, modalities: Sequence[str]) -> dict[str, Any]:
    """Volume nodes by modality, where the names in the scene leave no doubt.

    A scene with a single usable volume fills a model with a single modality, whatever the volume's name.
    """
    volumes = [node for node in context.nodes("vtkMRMLScalarVolumeNode") if not node.GetHideFromEditors()]
    named: dict[str, list[Any]] = {}
    for node in volumes:
        if _mayBeInput(node):
            named.setdefault(_modality(node.GetName()), []).append(node)
    usable = [node for nodes in named.values() for node in nodes]
    if len(modalities) == 1 and len(usable) == 1:
        return {modalities[0]: usable[0]}
    return {name: named[name][0] for name in modalities if len(named.get(name, [])) == 1}


def _mayBeInput(node: Any) -> bool:
    plain = not node.IsA("vtkMRMLLabelMapVolumeNode") and not node.IsA("vtkMRMLTensorVolumeNode")
    return plain and node.GetImageData() is not None and not node.GetAttribute(RESULT_ATTRIBUTE)


def _modality(name: str) -> str:
    """The modality that a volume's name states; empty if none."""
    for modality, pattern in _NAMES.items():
        if re.search(rf"(?<![a-z0-9])({pattern})(?![a-z0-9])", name.lower()):
            return modality
    return ""
