"""Connected components of the score volume: volume, diameter, side, position.

A component is a 26-connected set of voxels with a score of at least 1. All lengths are in
millimeters of patient space, whatever the direction and handedness of the voxel grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..volumes.bounding_box import Box, bounding_box
from ..volumes.geometry import VolumeGeometry
from ..volumes.score_volume import BELOW_BORDER, BORDER
from ..volumes.stack_grid import StackGrid
from .diameter import longest_diameter_mm
from .slice_share import slice_range

_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
MIDLINE_SHARE = 0.2
"""A component with at least this share of its voxels on either side straddles the midline."""

Side = Literal["left", "right", "midline"]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Component:
    """One connected component; points are (right, anterior, superior) in millimeters."""

    number: int
    """From 1, by falling volume; also its label in `label_components`."""
    volume_ml: float
    longest_diameter_mm: float
    """Outer border to outer border along the longest line between two voxel centers."""
    side: Side | None
    """The patient's side; `midline` if at least 20 % of the voxels lie on either side; None if left and right are not
    known."""
    centroid_ras_mm: Point
    extent_s_ras_mm: tuple[float, float]
    """Superior coordinate of the lowest and the highest voxel center."""
    slice_range: tuple[int, int]
    """First and last slice of the stack whose thickness holds a part of the component."""
    mean_score: float
    peak_score: float
    peak_ras_mm: Point


def limit_small_components(
    score: NDArray[np.float32], geometry: VolumeGeometry, minimum_mm3: float
) -> NDArray[np.float32]:
    """Cap the score of components smaller than `minimum_mm3` below 1.

    score: float32 [k, j, i]. Returns a new array of the same shape, in which the mask is still
    `score >= 1` everywhere; scores already below 1 do not change.
    """
    limited = np.array(score, dtype=np.float32)
    if minimum_mm3 <= 0:
        return limited
    labels, box = _connected(limited)
    counts = np.bincount(labels.ravel())
    # The tolerance keeps a component of exactly the minimum, whatever the spacing's rounding.
    small = counts * geometry.voxel_volume_mm3 < minimum_mm3 * (1 - 1e-9)
    small[0] = False
    limited[box][small[labels]] = BELOW_BORDER
    return limited


def label_components(score: NDArray[np.float32]) -> NDArray[np.int32]:
    """Label volume [k, j, i] of the components of `score >= 1`.

    0 is background; labels run from 1 by falling number of voxels, equal ones in index order.
    """
    labels, box = labels_in_box(score)
    volume = np.zeros(np.shape(score), dtype=np.int32)
    volume[box] = labels
    return volume


def find_components(
    score: NDArray[np.float32], geometry: VolumeGeometry, grid: StackGrid, midline_ras_r_mm: float | None
) -> list[Component]:
    """Measure every component of `score >= 1`, largest first.

    score: float32 [k, j, i]. grid: the stack whose slices are named. midline_ras_r_mm: right coordinate of the
    midsagittal plane; None if left and right are not known.
    """
    labels, box = labels_in_box(score)
    start = np.array([part.start for part in reversed(box)])
    return [
        _measure(number, kji[:, ::-1] + start, score[box][tuple(kji.T)], geometry, grid, midline_ras_r_mm)
        for number, kji in _indices_by_label(labels)
    ]


def _measure(
    number: int,
    ijk: NDArray[np.int64],
    scores: NDArray[np.float32],
    geometry: VolumeGeometry,
    grid: StackGrid,
    midline_mm: float | None,
) -> Component:
    """ijk: [n, 3] voxel indices in rising index order; scores: [n]."""
    ras = geometry.to_physical(ijk) * _LPS_TO_RAS
    peak = int(np.argmax(scores))
    return Component(
        number=number,
        volume_ml=len(ijk) * geometry.voxel_volume_mm3 / 1000,
        longest_diameter_mm=longest_diameter_mm(ijk, geometry.direction_matrix * np.asarray(geometry.spacing)),
        side=None if midline_mm is None else _side(ras[:, 0], midline_mm),
        centroid_ras_mm=_point(ras.mean(axis=0)),
        extent_s_ras_mm=(float(ras[:, 2].min()), float(ras[:, 2].max())),
        slice_range=slice_range(ijk, geometry, grid),
        mean_score=float(scores.mean(dtype=np.float64)),
        peak_score=float(scores[peak]),
        peak_ras_mm=_point(ras[peak]),
    )


def _side(right: NDArray[np.float64], midline_mm: float) -> Side:
    """right: RAS R coordinates of the voxels [n]."""
    share = float(np.mean(right > midline_mm) + 0.5 * np.mean(right == midline_mm))
    if min(share, 1 - share) >= MIDLINE_SHARE:
        return "midline"
    return "right" if share > 0.5 else "left"


def _connected(score: NDArray[np.float32]) -> tuple[NDArray[np.int32], Box]:
    """Labels inside the bounding box of the mask, and the box; labeling the box alone is faster."""
    mask = np.asarray(score) >= BORDER
    box = bounding_box(mask)
    part = sitk.GetImageFromArray(mask[box].astype(np.uint8))
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(part, True)).astype(np.int32)
    return labels, box


def labels_in_box(score: NDArray[np.float32]) -> tuple[NDArray[np.int32], Box]:
    """The labels of `label_components` inside a box that holds all components, and the box."""
    labels, box = _connected(score)
    counts = np.bincount(labels.ravel())[1:]
    # SimpleITK numbers components in the order in which a scan of the index range meets them.
    order = np.argsort(-counts, kind="stable")
    renumbered = np.zeros(len(counts) + 1, dtype=np.int32)
    renumbered[order + 1] = np.arange(1, len(counts) + 1)
    return renumbered[labels], box


def _indices_by_label(labels: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    indices = np.argwhere(labels)
    values = labels[tuple(indices.T)]
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(np.bincount(values)[1:]) if len(values) else np.zeros(0, dtype=int)
    start = 0
    for number, end in enumerate(ends, start=1):
        yield number, indices[order[start:end]]
        start = int(end)


def _point(values: NDArray[np.float64]) -> Point:
    # Adding zero turns -0.0 into 0.0.
    right, anterior, superior = (float(value) + 0.0 for value in values)
    return right, anterior, superior
