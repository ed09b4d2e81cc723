"""Volumes of the scene as input: which can be used, which is which, and how they reach the worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anofpdm.app.series_names import NOT_STATED, stated_contrast

from .output_frame import geometryOf
from .subject_hierarchy import placeOf
from .voxels import ijkToRAS, isTransformLinear, parentToWorld, voxelsOf

if TYPE_CHECKING:
    from .scene_context import SceneContext

RESULT_ATTRIBUTE = "AnoFPDM.ResultVolume"
"""Marks volumes that a detection made."""
_SHEAR = 1e-2
"""Largest cosine between two axes of a voxel; the engine's reader refuses more."""


def checkInput(node: Any) -> tuple[bool, str]:
    """Whether a node can be examined, and if not, a sentence that says what to do."""
    if node is None:
        return False, "Choose a volume."
    usable, sentence = checkImage(node)
    return checkPlace(node) if usable else (usable, sentence)


def checkImage(node: Any) -> tuple[bool, str]:
    """The part of `checkInput` that looks at every voxel; it takes a while and depends on the image alone."""
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
    return True, ""


def checkPlace(node: Any) -> tuple[bool, str]:
    """The part of `checkInput` that depends on where the volume lies; at once."""
    called = f"The volume {node.GetName()}"
    if not isTransformLinear(node):
        if _liesUnderGrid(node):
            # Taken out of it, the slices would lie evenly, which they do not.
            return False, (
                f"{called} lies under a transform that is not linear, as Slicer makes it where slices lie unevenly: "
                "a slice may be missing; load the whole series, or harden the transform."
            )
        return False, f"{called} lies under a transform that is not linear; take it out of the transform or harden it."
    axes = (parentToWorld(node) @ ijkToRAS(node))[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(axes).all() or not lengths.all():
        return False, f"{called} has no spacing along some axis; load the original image."
    cosines = (axes / lengths).T @ (axes / lengths)
    if np.abs(cosines - np.eye(3)).max() > _SHEAR:
        return False, f"{called} is sheared by its transform; take it out of the transform or resample it."
    return True, ""


def _liesUnderGrid(node: Any) -> bool:
    """Whether a grid transform is above it, such as the DICOM reader's "acquisition transform"."""
    transform = node.GetParentTransformNode()
    while transform is not None:
        if transform.GetTransformToParentAs("vtkOrientedGridTransform", False) is not None:
            return True
        transform = transform.GetParentTransformNode()
    return False


def exportVolume(node: Any, path: Path) -> None:
    """Write a volume as NRRD where it lies in the world, parent transforms applied; its voxels stay as they are.

    Raises anofpdm's InputError if the volume cannot be examined, OSError if the file cannot be written.
    """
    from anofpdm.core.errors import InputError
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

    The only volume of a scene fills a model with a single modality unless its name says that it is something else.
    """
    usable = [node for node in context.nodes("vtkMRMLScalarVolumeNode") if _mayBeInput(node)]
    if len(modalities) == 1 and len(usable) == 1 and stated_contrast(usable[0].GetName()) == NOT_STATED:
        return {modalities[0]: usable[0]}
    return _byStatedContrast(usable, modalities)


def inputSets(context: SceneContext, modalities: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Every set of volumes that a model of these modalities may examine, and why others are left out, a sentence each.

    A model with a single modality: each volume, unless its name says that it is something else. Of several modalities:
    those of a study, where the names in it leave no doubt.
    """
    usable = [node for node in context.nodes("vtkMRMLScalarVolumeNode") if _mayBeInput(node)]
    if len(modalities) == 1:
        fitting = [node for node in usable if stated_contrast(node.GetName()) in (NOT_STATED, modalities[0])]
        others = [node.GetName() for node in usable if node not in fitting]
        text = "By their names these are no {modality} volumes: {names}."
        leftOut = [text.format(modality=modalities[0].upper(), names=", ".join(others))] if others else []
        return [{modalities[0]: node} for node in fitting], leftOut
    studies: dict[Any, list[Any]] = {}
    for node in usable:
        studies.setdefault(placeOf(context, node), []).append(node)
    sets, leftOut = [], []
    for place, nodes in studies.items():
        found = _byStatedContrast(nodes, modalities)
        if len(found) == len(modalities):
            sets.append(found)
        else:
            missing = ", ".join(name.upper() for name in modalities if name not in found)
            study = ", ".join(filter(None, (place.patient, place.study))) or "the loaded volumes"
            leftOut.append(f"Of {study} it is not clear which is {missing}; select them by hand.")
    return sets, leftOut


def _byStatedContrast(nodes: Sequence[Any], modalities: Sequence[str]) -> dict[str, Any]:
    """Those modalities that exactly one of the nodes says to be."""
    stated: dict[str, list[Any]] = {}
    for node in nodes:
        stated.setdefault(stated_contrast(node.GetName()), []).append(node)
    return {name: stated[name][0] for name in modalities if len(stated.get(name, [])) == 1}


def _mayBeInput(node: Any) -> bool:
    plain = not node.IsA("vtkMRMLLabelMapVolumeNode") and not node.IsA("vtkMRMLTensorVolumeNode")
    plain = plain and not node.GetHideFromEditors()
    return plain and node.GetImageData() is not None and not node.GetAttribute(RESULT_ATTRIBUTE)
