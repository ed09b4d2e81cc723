"""A diffusion model as a witness: what `anofpdm detect --cases` wrote, one folder a subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ...core.arrays import FloatArray
from ...core.errors import InputError
from ...datasets.masked_volumes import same_grid
from ...results.case_storage import EVIDENCE_FILE, load_evidence
from ...results.detection import build_detection
from ...results.segmentation import HEATMAP_FILE
from ...volumes.reading import read_finite_volume, read_volume
from ...volumes.resampling import sample_stack, stack_to_volume
from .pseudo_masks import border_at_half
from .real_volumes import RealVolume


def result_folder(results: Path, volume: RealVolume) -> Path | None:
    """`results/SUBJECT`, `results/SOURCE_SUBJECT` or `results/SOURCE/SUBJECT`; None if there is none of them."""
    names = [volume.subject]
    if volume.source:
        names += [f"{volume.source}_{volume.subject}", f"{volume.source}/{volume.subject}"]
    return next((results / name for name in names if (results / name / HEATMAP_FILE).is_file()), None)


def teacher_map(folder: Path, volume: RealVolume) -> FloatArray:
    """The witness's map [S, H, W] on the student's slices.

    Raises InputError if the heatmap is damaged or lies on another grid than the subject's image.
    """
    heatmap = read_finite_volume(folder / HEATMAP_FILE, "map")
    if not same_grid(read_volume(volume.image, "image"), heatmap):
        raise InputError(
            f"The teacher's heatmap in {folder} does not lie on the grid of {volume.image}; detect in that image again."
        )
    score = sample_stack(sitk.Cast(heatmap, sitk.sitkFloat32), volume.grid, slab_average=True)
    return border_at_half(np.asarray(score))


def healthier_by(folder: Path, volume: RealVolume) -> npt.NDArray[np.float32]:
    """What the teacher's healthy prediction adds to the image, in the student's units: [S, H, W] on its slices.

    0 in slices that the teacher did not examine. Raises EvidenceError if there is no evidence.
    """
    case = load_evidence(folder / EVIDENCE_FILE)
    detection = build_detection(case)
    if detection.healthy_picture is None:
        raise InputError(
            f"The results in {folder} are of a method that predicts no healthy image; name another teacher."
        )
    healthy = detection.stack_of(detection.healthy_picture.values)
    stack = np.full(healthy.shape, np.nan, np.float32)
    stack[case.examined] = case.evidence.x0[:, 0]
    change = np.nan_to_num((healthy - stack) / 2)
    seen = case.head & np.isfinite(stack)
    scale = float(np.median(volume.slices[volume.slices > 0.1])) / float(np.median((stack[seen] + 1) / 2))
    return stack_to_volume(change * np.float32(scale), case.grid, volume.grid)
