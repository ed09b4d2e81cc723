"""The later date laid over the baseline: by moving its grid, which a rigid motion leaves a grid, not its voxels.

What is read off the moved grid is interpolated once, from the slices that the method saw, as it is on the date's own
voxels; a volume that is resampled first and read off again would lose small findings and invent borders.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..methods.method import Answer
from ..results.case import CaseEvidence
from ..results.components import label_components
from ..results.detection import Detection
from ..results.stack_scores import stack_of_scores
from ..volumes.bounding_box import bounding_box
from ..volumes.geometry import GeometryType, VolumeGeometry
from ..volumes.resampling import labels_to_volume, stack_to_volume
from ..volumes.score_volume import BORDER, score_to_volume
from .matching import Labels
from .registration import HeadImage


def moved(geometry: GeometryType, transform: sitk.Euler3DTransform) -> GeometryType:
    """A grid of the later date where it lies in the baseline. `transform` takes points of the baseline there."""
    back = transform.GetInverse()
    turn = np.asarray(transform.GetMatrix()).reshape(3, 3)
    direction = turn.T @ geometry.direction_matrix
    return replace(
        geometry,
        origin=tuple(float(o) for o in back.TransformPoint(geometry.origin)),  # type: ignore[arg-type]
        direction=tuple(float(d) for d in direction.ravel()),  # type: ignore[arg-type]
    )


def picture_grid(case: CaseEvidence) -> VolumeGeometry:
    """The grid of a case's pictures."""
    _, height, width = case.display.shape
    return case.grid.with_pixels(width, height)


def head_image(case: CaseEvidence) -> HeadImage:
    """What the date is registered by: its pictures, and its head on them."""
    grid = picture_grid(case)
    head = labels_to_volume(case.head.astype(np.uint8), case.grid, grid)
    return HeadImage(grid.to_image_like(case.display.astype(np.float32)), grid.to_image_like(head))


def labels_of(detection: Detection) -> Labels:
    """The findings by number, [k, j, i] on the date's own voxels."""
    return label_components(detection.score)


def labels_on(detection: Detection, labels: Labels, there: sitk.Euler3DTransform, grid: VolumeGeometry) -> Labels:
    """A date's findings by number on a grid of the other date, [k, j, i].

    labels: those on its own voxels. `there` takes points of the other date to this one. The scores are interpolated as
    they are on the date's own voxels; which finding a voxel belongs to is that of the nearest labelled one. A finding
    that reaches no voxel marks those that hold its own voxels' centers, as far as they lie within the grid.
    """
    case = detection.case
    place = moved(case.geometry, there)
    _, accepted = stack_of_scores(case, detection.answer)
    mask = score_to_volume(detection.slice_score, accepted, moved(case.grid, there), grid) >= BORDER
    found = _nearest_labels(labels, place, mask, grid)
    for number in range(1, int(labels.max()) + 1):
        if not (found == number).any():
            kji = np.argwhere(labels == number)
            index = np.rint(grid.to_index(place.to_physical(kji[:, ::-1]))).astype(np.int64)[:, ::-1]
            inside = np.all((index >= 0) & (index < np.asarray(grid.array_shape)), axis=1)
            k, j, i = index[inside].T
            free = found[k, j, i] == 0
            found[k[free], j[free], i[free]] = number
    return found


def _nearest_labels(labels: Labels, place: VolumeGeometry, mask: BoolArray, grid: VolumeGeometry) -> Labels:
    """Inside the mask [k, j, i] of `grid`, the nearest label; 0 outside."""
    found = np.zeros(grid.array_shape, dtype=np.int32)
    if not mask.any() or not labels.any():
        return found
    there = sitk.Resample(
        place.to_image_like(labels),
        grid.to_image_like(mask.astype(np.uint8)),
        sitk.Transform(),
        sitk.sitkNearestNeighbor,
        0,
        sitk.sitkInt32,
    )
    hit = sitk.GetArrayFromImage(there)
    if not hit.any():
        return found
    box = bounding_box(mask | (hit > 0))
    part = sitk.GetImageFromArray(np.ascontiguousarray(hit[box]))
    part.SetSpacing(grid.spacing)
    distance = sitk.DanielssonDistanceMapImageFilter()
    distance.SetInputIsBinary(False)
    distance.SetUseImageSpacing(True)
    distance.Execute(part)
    nearest = sitk.GetArrayFromImage(distance.GetVoronoiMap())
    found[box] = np.where(mask[box], nearest, 0)
    return found


def other_date(
    case: CaseEvidence, answer: Answer, there: sitk.Euler3DTransform, grid: VolumeGeometry
) -> tuple[FloatArray, FloatArray]:
    """What a date says of the other's voxels: its map, 1 at the border of a finding, whatever of it was accepted; and
    which share of each it examined. Both [k, j, i] on `grid`, a grid of the other date; `there` as of `labels_on`."""
    score, _ = stack_of_scores(case, answer)
    stack = moved(case.grid, there)
    examined = np.broadcast_to(case.examined[:, None, None], score.shape)
    return stack_to_volume(score, stack, grid), stack_to_volume(examined, stack, grid)
