"""A whole head as a map of structures, with the distances that painting and skull stripping need. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.arrays import BoolArray, ByteArray
from ..core.errors import InputError
from .structures import NOT_BRAIN, VENTRICLES, Structure, Tissue

UNIT_MM = 0.5
"""Distances are stored in steps of this."""
SULCUS_MM = 4.0
"""The brain's hull closes sulci up to about twice as wide."""
MARGIN_MM = 8
"""Background kept around the head; what is sampled further out is background as well."""


@dataclass(frozen=True)
class HeadMap:
    """A head at 1 mm; arrays are [z, y, x] with the axes +S, +P, +L.

    `labels`: index into `structures`. `hull`: signed distance to the border of the brain with its ventricles and
    sulci, inside positive; `ventricle`: distance to the nearest ventricle; both in steps of `UNIT_MM`, clipped.
    """

    name: str
    structures: tuple[Structure, ...]
    labels: ByteArray
    hull: npt.NDArray[np.int8]
    ventricle: ByteArray

    @cached_property
    def head_center(self) -> npt.NDArray[np.float32]:
        """Middle of the head's extent as an index (z, y, x)."""
        background = [i for i, s in enumerate(self.structures) if s.tissue is Tissue.BACKGROUND]
        return _middle(~np.isin(self.labels, background))

    @cached_property
    def brain_center(self) -> npt.NDArray[np.float32]:
        """Middle of the brain's extent as an index (z, y, x)."""
        return _middle(self.hull > 0)

    @cached_property
    def bone(self) -> int | None:
        """The structure that covers most of the brain from outside: bone; None where nothing outside is mapped."""
        near = (self.hull < -round(1.5 / UNIT_MM)) & (self.hull > -round(5 / UNIT_MM))
        counts = np.bincount(self.labels[near], minlength=len(self.structures))
        outside = [i for i, s in enumerate(self.structures) if s.tissue is Tissue.OUTSIDE and counts[i] > 0]
        return max(outside, key=lambda index: int(counts[index]), default=None)

    @cached_property
    def brain_extent(self) -> npt.NDArray[np.float32]:
        """Half the brain's extent in mm along z, y, x."""
        places = np.argwhere(self.hull > 0)
        half: npt.NDArray[np.float32] = ((places.max(0) - places.min(0) + 1) / 2).astype(np.float32)
        return half


def read_head_map(path: Path, structures: Sequence[Structure]) -> HeadMap:
    """Read a label map in any orientation and spacing.

    Raises InputError if the file cannot be read, is not 3-D, holds a label that is not in `structures`, or no brain.
    """
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"The label map {path} cannot be read; give a NIfTI, NRRD or MetaImage file.") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"The label map {path} is not a 3-D image with one value a voxel.")
    values = sitk.GetArrayViewFromImage(image)
    if not np.array_equal(values, np.round(values)):
        raise InputError(f"The label map {path} holds values that are no whole numbers; give the map of labels.")
    image = _one_millimetre(sitk.DICOMOrient(sitk.Cast(image, sitk.sitkInt32), "LPS"))
    return head_map(path.name.split(".")[0], sitk.GetArrayFromImage(image), structures)


def head_map(name: str, labels: npt.NDArray[np.integer], structures: Sequence[Structure]) -> HeadMap:
    """Make the map of a head from `labels` [z, y, x] (+S, +P, +L) at 1 mm, numbered as in `structures`."""
    present = {int(label) for label in np.unique(labels)}
    unknown = sorted(present - {structure.label for structure in structures})
    if unknown:
        numbers = ", ".join(str(label) for label in unknown[:5])
        raise InputError(f"The label map {name} holds {numbers}, which the table of labels does not list.")
    used = [structure for structure in structures if structure.label in present]
    tissues = {structure.tissue for structure in used}
    for tissue in (Tissue.WHITE_MATTER, Tissue.VENTRICLE):
        if tissue not in tissues:
            raise InputError(f"The label map {name} shows no {tissue.value}, so that no head can be rendered from it.")
    table = np.zeros(max(present) + 1, np.uint8)
    for index, structure in enumerate(used):
        table[structure.label] = index
    indices = _crop(table[labels], [i for i, s in enumerate(used) if s.tissue is Tissue.BACKGROUND])
    brain = np.isin(indices, [i for i, s in enumerate(used) if s.tissue not in NOT_BRAIN])
    ventricles = np.isin(indices, [i for i, s in enumerate(used) if s.tissue in VENTRICLES])
    hull = _signed_distance(_signed_distance(brain) > -SULCUS_MM)
    # Nothing of the brain is lost, not even a fold thinner than the voxels by which distances are off.
    hull = _signed_distance(brain | ventricles | (hull > SULCUS_MM))
    return HeadMap(
        name=name,
        structures=tuple(used),
        labels=indices,
        hull=np.clip(np.round(hull / UNIT_MM), -127, 127).astype(np.int8),
        ventricle=np.clip(np.round(-_signed_distance(ventricles) / UNIT_MM), 0, 255).astype(np.uint8),
    )


def _one_millimetre(image: sitk.Image) -> sitk.Image:
    if np.allclose(image.GetSpacing(), 1.0, atol=1e-3):
        return image
    size = [max(1, round(n * mm)) for n, mm in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    # The same extent, from border to border, not from center to center.
    first = image.TransformContinuousIndexToPhysicalPoint([(1 / mm - 1) / 2 for mm in image.GetSpacing()])
    return sitk.Resample(
        image, size, sitk.Transform(), sitk.sitkNearestNeighbor, first, (1.0,) * 3, image.GetDirection()
    )


def _crop(labels: ByteArray, background: list[int]) -> ByteArray:
    head = ~np.isin(labels, background)
    if not head.any():
        raise InputError("The label map is empty; give one that shows a head.")
    box = []
    for axis in range(3):
        places = np.flatnonzero(head.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(max(0, places[0] - MARGIN_MM), places[-1] + 1 + MARGIN_MM))
    cropped = labels[tuple(box)]
    # The outermost voxels stand for everything beyond them, below the neck, too.
    padded: ByteArray = np.pad(cropped, 1, constant_values=background[0])
    return np.ascontiguousarray(padded)


def _signed_distance(inside: BoolArray) -> npt.NDArray[np.float32]:
    """Millimetres to the border, positive inside."""
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    return -sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=False))


def _middle(mask: BoolArray) -> npt.NDArray[np.float32]:
    places = np.argwhere(mask)
    middle: npt.NDArray[np.float32] = ((places.min(0) + places.max(0)) / 2).astype(np.float32)
    return middle
