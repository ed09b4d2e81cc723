"""Layouts of volumes with pixel masks, and the image-level labels that follow from the masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray
from ..core.errors import InputError
from ..volumes.geometry import VolumeGeometry
from ..volumes.input_config import GridConfig
from ..volumes.reading import check_volume, read_finite_volume, read_volume
from ..volumes.resampling import sample_stack
from ..volumes.stack_grid import plan_stack
from .manifest import ManifestRow, Mistakes

MASK_THRESHOLD = 0.5
GEOMETRY_TOLERANCE_MM = 0.1


@dataclass(frozen=True)
class MaskedVolume:
    """One examination with its lesion mask."""

    subject: str
    images: tuple[Path, ...]
    mask: Path


def find_brats21(root: Path, modalities: Sequence[str]) -> list[MaskedVolume]:
    """`BraTS2021_00000/BraTS2021_00000_{flair,t1,t1ce,t2,seg}.nii.gz`. Raises InputError."""
    folders = sorted(path for path in root.glob("BraTS2021_*") if path.is_dir())
    endings = {m: f"_{m}" for m in modalities}
    return _one_folder_each(root, folders, modalities, endings, "_seg", "BraTS2021_* folder")


def find_mslub(root: Path, modalities: Sequence[str]) -> list[MaskedVolume]:
    """`patient01/patient01_{FLAIR,T1W,T2W,consensus_gt}.nii.gz`. Raises InputError."""
    folders = sorted(path for path in root.glob("patient*") if path.is_dir())
    names = {"flair": "_FLAIR", "t1": "_T1W", "t2": "_T2W"}
    return _one_folder_each(root, folders, modalities, names, "_consensus_gt", "patient* folder")


def find_atlas(root: Path, modalities: Sequence[str]) -> list[MaskedVolume]:
    """`R001/sub-*/ses-1/anat/*_T1w.nii.gz` and `*_label-L_desc-T1lesion_mask.nii.gz`, also under `Training/`.

    Raises InputError.
    """
    base = root / "Training" if (root / "Training").is_dir() else root
    mistakes = Mistakes(root, "data folder")
    found = []
    for anat in sorted(base.glob("R*/sub-*/ses-1/anat")):
        subject = anat.parent.parent.name
        images, masks = sorted(anat.glob("*_T1w.nii.gz")), sorted(anat.glob("*_label-L_desc-T1lesion_mask.nii.gz"))
        for files, what in ((images, "T1w image"), (masks, "lesion mask")):
            if len(files) != 1:
                mistakes.add(0, f"{subject} has {len(files) or 'no'} {what}{'s' if len(files) > 1 else ''}")
        if len(images) == len(masks) == 1:
            found.append(MaskedVolume(subject, (images[0],) * len(modalities), masks[0]))
    return _found(root, found, mistakes, "R*/sub-*/ses-1/anat folder")


def _one_folder_each(
    root: Path, folders: list[Path], modalities: Sequence[str], endings: dict[str, str], mask_ending: str, kind: str
) -> list[MaskedVolume]:
    mistakes = Mistakes(root, "data folder")
    found = []
    for folder in folders:
        images = tuple(folder / f"{folder.name}{endings[m]}.nii.gz" for m in modalities)
        mask = folder / f"{folder.name}{mask_ending}.nii.gz"
        missing = [path.name for path in (*images, mask) if not path.is_file()]
        for name in missing:
            mistakes.add(0, f"{folder.name} has no {name}")
        if not missing:
            found.append(MaskedVolume(folder.name, images, mask))
    return _found(root, found, mistakes, kind)


def _found(root: Path, found: list[MaskedVolume], mistakes: Mistakes, kind: str) -> list[MaskedVolume]:
    mistakes.raise_if_any()
    if not found:
        raise InputError(f"{root} holds no {kind}; check the path and the layout.")
    return found


def label_slices(volumes: Sequence[MaskedVolume], modalities: Sequence[str], grid: GridConfig) -> list[ManifestRow]:
    """A row for every slice of every volume's stack; unhealthy where its mask is not empty there.

    Raises InputError that lists every mask that cannot be read or does not lie on its image's grid.
    """
    mistakes = Mistakes(None, "data folder")
    rows = []
    for volume in volumes:
        try:
            unhealthy = _unhealthy_slices(volume, modalities[0], grid)
        except InputError as error:
            mistakes.add(0, f"{volume.subject}: {error}")
            continue
        # The split is assigned to whole subjects later.
        rows += [
            ManifestRow(volume.subject, "train", volume.images, k, bool(sick), len(unhealthy), volume.mask)
            for k, sick in enumerate(unhealthy)
        ]
    mistakes.raise_if_any()
    return rows


def _unhealthy_slices(volume: MaskedVolume, modality: str, grid: GridConfig) -> BoolArray:
    image = read_volume(volume.images[0], modality)
    mask = read_mask(volume.mask)
    if not same_grid(image, mask):
        raise InputError(
            f"The mask {volume.mask.name} and the image {volume.images[0].name} differ in size or position; "
            "use the mask that was drawn on this image."
        )
    return np.asarray(mask_on_stack(mask, grid).any(axis=(1, 2)))


def mask_on_stack(mask: sitk.Image, grid: GridConfig) -> BoolArray:
    """Lesion [S, H', W'] on the stack's slices at its pixel size, over the whole of the mask's field of view.

    Slices and pixel size are the model's; the frame is not moved onto the head, which a mask does not show.
    """
    geometry = VolumeGeometry.from_image(mask)
    diagonal = float(np.linalg.norm(np.asarray(geometry.size) * np.asarray(geometry.spacing)))
    matrix = min(1024, math.ceil(diagonal / grid.pixel_mm))
    whole = replace(grid, matrix=matrix, field_of_view_mm=matrix * grid.pixel_mm, centring="image")
    stack = sample_stack(mask, plan_stack(mask, mask, whole), slab_average=grid.slab_average)
    return np.asarray(stack > MASK_THRESHOLD)


def read_mask(path: Path) -> sitk.Image:
    """A mask as 0 and 1, float32; any value above 0.5 is lesion. Raises InputError."""
    image = read_finite_volume(path, "mask")
    values = sitk.GetArrayViewFromImage(image)
    binary = sitk.GetImageFromArray((values > MASK_THRESHOLD).astype(np.float32))
    binary.CopyInformation(image)
    # An empty mask is no mistake, though a constant image would be.
    return binary if not values.any() else check_volume(binary, "mask")


def same_grid(first: sitk.Image, second: sitk.Image) -> bool:
    """Whether two images have the same size and their corners lie at the same places."""
    one, other = VolumeGeometry.from_image(first), VolumeGeometry.from_image(second)
    if one.size != other.size:
        return False
    corners = np.array([[0, 0, 0], [n - 1 for n in one.size], [one.size[0] - 1, 0, 0], [0, one.size[1] - 1, 0]])
    return bool(np.abs(one.to_physical(corners) - other.to_physical(corners)).max() <= GEOMETRY_TOLERANCE_MM)
