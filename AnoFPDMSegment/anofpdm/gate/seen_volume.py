"""A volume as the gate looks at it: the prepared slices, the head, and the tissue that the method takes for brain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..volumes.filled_planes import filled_in_plane

if TYPE_CHECKING:
    from ..results.case import CaseEvidence
    from ..volumes.preparation import PreparedCase

LEAST_TISSUE_MM2 = 300.0
"""A slice with less tissue says nothing."""


@dataclass(frozen=True)
class SeenVolume:
    """Arrays [S, H, W]: slices from inferior to superior, row 0 anterior, column 0 at the patient's right.

    `values`: background 0, in the image's own units. `tissue`: where the method sees brain, or the inside of the head
    for a method that does not say. `voxel_mm`: of the input, the shortest edge first.
    """

    values: FloatArray
    head: BoolArray
    tissue: BoolArray
    pixel_mm: float
    slice_mm: float
    voxel_mm: tuple[float, float, float]
    skull_stripped: bool

    @cached_property
    def areas_mm2(self) -> FloatArray:
        """[S]: tissue."""
        return np.asarray(self.tissue.sum(axis=(1, 2)) * self.pixel_mm**2)

    @cached_property
    def shown(self) -> np.ndarray:
        """Indices of the slices that show tissue."""
        return np.flatnonzero(self.areas_mm2 >= LEAST_TISSUE_MM2)

    @cached_property
    def extent_mm(self) -> float:
        """From the lowest to the highest slice that shows tissue, the slices themselves included."""
        shown = self.shown
        return float((shown[-1] - shown[0] + 1) * self.slice_mm) if len(shown) else 0.0

    @cached_property
    def level(self) -> float:
        """The tissue's median value, which stands for 1; 0 where there is none."""
        inside = self.values[self.tissue]
        return float(np.median(inside)) if inside.size else 0.0

    @cached_property
    def scaled(self) -> FloatArray:
        """The values over that level."""
        return np.asarray(self.values / np.float32(self.level or 1), dtype=np.float32)

    @cached_property
    def depth_mm(self) -> FloatArray:
        """[S, H, W]: in the slice's plane, how far inside the tissue's outline, its holes filled; 0 outside."""
        return depth_in_plane(filled_in_plane(self.tissue), self.pixel_mm)


def seen_volume(case: CaseEvidence, prepared: PreparedCase, tissue: BoolArray | None) -> SeenVolume:
    """`tissue` [N, H, W] of the examined slices; None: the inside of the head."""
    seen = prepared.interior if tissue is None else np.zeros(prepared.head.shape, dtype=bool)
    if tissue is not None:
        seen[prepared.examined] = tissue
    x, y, z = sorted(float(value) for value in case.geometry.spacing)
    return SeenVolume(
        values=prepared.intensities[0],
        head=prepared.head,
        tissue=seen,
        pixel_mm=case.grid.pixel_mm,
        slice_mm=case.grid.slice_spacing_mm,
        voxel_mm=(x, y, z),
        skull_stripped=case.skull_stripped,
    )


def depth_in_plane(mask: BoolArray, pixel_mm: float) -> FloatArray:
    """mm [S, H, W] from the middle of the nearest pixel outside the mask of the same slice; 0 outside."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    depth = np.zeros(mask.shape, dtype=np.float32)
    for index in np.flatnonzero(mask.any(axis=(1, 2))):
        plane = sitk.GetImageFromArray((~padded[index]).astype(np.uint8))
        plane.SetSpacing((pixel_mm, pixel_mm))
        distance = sitk.DanielssonDistanceMap(plane, inputIsBinary=True, squaredDistance=False, useImageSpacing=True)
        depth[index] = sitk.GetArrayFromImage(distance)[1:-1, 1:-1]
    return depth
