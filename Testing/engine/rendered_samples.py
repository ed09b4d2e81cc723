"""The phantom's label map, prepared once in a process for what renders and paints."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from phantom_labels import NAMES, SPACING_MM, phantom_labels, write_label_table

from anofpdm.synthetic.head_map import HeadMap, head_map
from anofpdm.synthetic.structures import Structure, structure_of

SEED = 4


@functools.cache
def phantom_head() -> HeadMap:
    """The phantom as a head map."""
    labels = phantom_labels(SEED)
    for axis, mm in enumerate(reversed(SPACING_MM)):
        labels = labels.repeat(round(mm), axis)
    return head_map("phantom", labels, phantom_structures())


@functools.cache
def phantom_structures() -> tuple[Structure, ...]:
    """What the phantom's labels stand for."""
    found = [structure_of(label, name) for label, name in NAMES.items()]
    return tuple(structure for structure in found if structure is not None)


def write_phantom_maps(folder: Path, seeds: tuple[int, ...]) -> Path:
    """Label maps phantom_NN.nii.gz of these heads and their table, labels.csv, whose path is returned."""
    for seed in seeds:
        image = sitk.GetImageFromArray(phantom_labels(seed))
        image.SetSpacing(SPACING_MM)
        image.SetOrigin([-(n - 1) / 2 * mm for n, mm in zip(image.GetSize(), SPACING_MM, strict=True)])
        sitk.WriteImage(image, str(folder / f"phantom_{seed:02}.nii.gz"))
    write_label_table(folder / "labels.csv")
    return folder / "labels.csv"


def volume_ml(extent: np.ndarray, spacing_mm: tuple[float, float, float]) -> float:
    """Of shares on voxels of this size."""
    return float(extent.sum() * np.prod(spacing_mm) / 1000)
