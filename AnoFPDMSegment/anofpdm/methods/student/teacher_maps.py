"""A diffusion model's results as a witness: heatmaps that `anofpdm detect --cases` wrote, one folder a subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...arrays import FloatArray
from ...datasets.masked_volumes import same_grid
from ...errors import InputError
from ...results.segmentation import HEATMAP_FILE
from ...volumes.reading import read_finite_volume, read_volume
from ...volumes.resampling import sample_stack
from .pseudo_masks import border_at_half
from .real_volumes import RealVolume


def teacher_map(results: Path, volume: RealVolume) -> FloatArray | None:
    """The witness's map [S, H, W] on the student's slices; None if there is no result of this subject.

    A result lies in `results/SUBJECT`, `results/SOURCE_SUBJECT` or `results/SOURCE/SUBJECT`. Raises InputError if it
    is damaged or lies on another grid than the subject's image.
    """
    names = [volume.subject]
    if volume.source:
        names += [f"{volume.source}_{volume.subject}", f"{volume.source}/{volume.subject}"]
    path = next((results / name / HEATMAP_FILE for name in names if (results / name / HEATMAP_FILE).is_file()), None)
    if path is None:
        return None
    heatmap = read_finite_volume(path, "map")
    if not same_grid(read_volume(volume.image, "image"), heatmap):
        raise InputError(
            f"The teacher's heatmap {path} does not lie on the grid of {volume.image}; detect in that image again."
        )
    score = sample_stack(sitk.Cast(heatmap, sitk.sitkFloat32), volume.grid, slab_average=True)
    return border_at_half(np.asarray(score))
