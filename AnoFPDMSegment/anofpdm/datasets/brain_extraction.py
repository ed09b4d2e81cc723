"""An approximate brain mask of a whole head, by thresholds and morphology.

Made for simulating skull-stripped training images, not for measuring: it separates brain from scalp
by the dark skull between them, keeps bright lesions, and is rough at the skull base. Torch-free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..core.arrays import BoolArray, FloatArray
from ..volumes.preparation import PreparedCase
from ..volumes.resampling import sample_stack
from ..volumes.stack_grid import StackGrid

FINE_PIXEL_MM = 1.3
"""The skull is 4-8 mm thick; pixels are at most this large where it is looked for."""


@dataclass(frozen=True)
class BrainExtraction:
    """How the brain is cut out; lengths in mm."""

    darkness: float = 0.55
    """Voxels below this share of the brain's median are skull, CSF or air."""
    scalp_mm: float = 4.0
    """This much of the head's border is never brain."""
    opening_mm: float = 4.5
    """Bridges between brain and scalp thinner than twice this are cut."""
    closing_mm: float = 8.0
    """Sulci and gaps up to twice this wide are filled."""
    widening: float = 0.3
    """The brain's outline moves outwards by at most this much per mm downwards from its widest slice."""
    fat: float = 1.5
    """Separate parts brighter than this many times the brain are fat."""
    seed_mm: float = 6.0
    """Parts must reach this far into the brain of the neighbouring slice."""
    deep_mm: float = 30.0
    """Tissue this far inside the head is taken for brain in the widest slice."""


DEFAULT_EXTRACTION = BrainExtraction()


def brain_on_grid(image: sitk.Image, case: PreparedCase, settings: BrainExtraction = DEFAULT_EXTRACTION) -> BoolArray:
    """Approximate brain [S, H, W] on the case's stack; its head where the skull is gone already.

    `image`: the first modality, from which the case was prepared.
    """
    if case.skull_stripped:
        return case.head.copy()
    factor = max(1, math.ceil(case.grid.pixel_mm / FINE_PIXEL_MM - 1e-6))
    fine = sample_stack(image, _finer(case.grid, factor), slab_average=True)
    head = case.head.repeat(factor, axis=1).repeat(factor, axis=2)
    brain = extract_brain(fine, head, case.grid.pixel_mm / factor, case.grid.slice_spacing_mm, settings)
    slices, height, width = case.head.shape
    shares = brain.reshape(slices, height, factor, width, factor).mean(axis=(2, 4))
    return np.asarray((shares >= 0.5) & case.head)


def extract_brain(
    stack: FloatArray,
    head: BoolArray,
    pixel_mm: float,
    slice_mm: float,
    settings: BrainExtraction = DEFAULT_EXTRACTION,
) -> BoolArray:
    """Approximate brain [S, H, W] of a whole-head stack (FLAIR, T1 or T2), slices inferior to superior."""
    brain = np.zeros(head.shape, dtype=bool)
    if head.any():
        # Nothing outside the head counts: distances are worked out around it alone.
        frame = (slice(None), *(_extent(head, axis) for axis in (1, 2)))
        brain[frame] = _extract(stack[frame], head[frame], pixel_mm, slice_mm, settings)
    return brain


def _extract(
    stack: FloatArray, head: BoolArray, pixel_mm: float, slice_mm: float, settings: BrainExtraction
) -> BoolArray:
    brain = np.zeros(head.shape, dtype=bool)
    start = _widest_slice(head)
    depth = _distance_inside(head[start], pixel_mm)
    deep = depth > min(settings.deep_mm, 0.5 * float(depth.max()))
    level = _bright_median(stack[start][deep])
    brain[start] = _cut_out(stack[start], depth, head[start], deep, level, pixel_mm, settings)
    # From its widest slice the brain narrows both ways, unlike face and neck, and its signal changes slowly.
    for order, widening in ((range(start - 1, -1, -1), settings.widening), (range(start + 1, len(head)), 0.0)):
        neighbour, level_here = brain[start], level
        for k in order:
            if not (neighbour.any() and head[k].any()):
                break
            inside = _distance_inside(neighbour, pixel_mm)
            near = _distance_outside(neighbour, pixel_mm) <= widening * slice_mm
            seed = inside > min(settings.seed_mm, 0.5 * float(inside.max()))
            depth = _distance_inside(head[k], pixel_mm)
            neighbour = brain[k] = _cut_out(stack[k], depth, near, seed, level_here, pixel_mm, settings)
            if neighbour.any():
                level_here = float(np.clip(_bright_median(stack[k][neighbour]), 0.85 * level_here, 1.15 * level_here))
    return brain


def _cut_out(
    plane: FloatArray,
    depth: FloatArray,
    near: BoolArray,
    seed: BoolArray,
    level: float,
    pixel_mm: float,
    settings: BrainExtraction,
) -> BoolArray:
    """Brain [H, W] in one slice: the parts of its tissue, within `near`, that reach into `seed` and look like brain.

    `depth`: below the head's outline in mm; `level`: the brain's signal in the neighbouring slice.
    """
    tissue = near & (plane > settings.darkness * level) & (depth > settings.scalp_mm)
    core = _distance_inside(tissue, pixel_mm) > settings.opening_mm
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(core.astype(np.uint8))))
    parts = np.unique(labels[seed & core])
    # Fat in the orbits and below the skull is as far inside as brain, but much brighter, and on its own.
    kept = [part for part in parts if float(np.median(plane[labels == part])) < settings.fat * level]
    grown = _distance_outside(np.isin(labels, kept) & core, pixel_mm) <= settings.opening_mm + 0.5 * pixel_mm
    return _fill(_close(grown & tissue, settings.closing_mm, pixel_mm)) & (depth > settings.scalp_mm)


def _finer(grid: StackGrid, factor: int) -> StackGrid:
    """The same field of view and slices with `factor` times as many pixels each way."""
    shift = (1 / factor - 1) / 2
    origin = grid.to_physical([shift, shift, 0.0])
    return replace(
        grid,
        size=(grid.size[0] * factor, grid.size[1] * factor, grid.size[2]),
        spacing=(grid.spacing[0] / factor, grid.spacing[1] / factor, grid.spacing[2]),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def _bright_median(values: FloatArray) -> float:
    """Median of what is not CSF."""
    return float(np.median(values[values > 0.5 * np.median(values)])) if (values > 0).any() else 0.0


def _extent(head: BoolArray, axis: int) -> slice:
    """Where any head lies along the axis, and one pixel more on each side, if there is one."""
    places = np.flatnonzero(head.any(axis=tuple(other for other in range(head.ndim) if other != axis)))
    return slice(max(0, int(places[0]) - 1), int(places[-1]) + 2)


def _widest_slice(head: BoolArray) -> int:
    """The slice with most head between 50 and 75 % of its height, above face and neck."""
    areas = head.sum(axis=(1, 2))
    present = np.flatnonzero(areas)
    place = (np.arange(len(head)) - present[0]) / max(1, present[-1] - present[0])
    upper = areas * ((place >= 0.5) & (place <= 0.75))
    return int(np.argmax(upper if upper.any() else areas))


def _distance_inside(mask: BoolArray, pixel_mm: float) -> npt.NDArray[np.float32]:
    """Distance [H, W] in mm of mask pixels to the nearest pixel outside; beyond the frame is outside."""
    return _distance_outside(~np.pad(mask, 1), pixel_mm)[1:-1, 1:-1]


def _distance_outside(mask: BoolArray, pixel_mm: float) -> npt.NDArray[np.float32]:
    """Distance [H, W] in mm to the nearest pixel of the mask; infinite if it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    squared = sitk.SignedMaurerDistanceMap(
        sitk.GetImageFromArray(mask.astype(np.uint8)),
        insideIsPositive=False,
        squaredDistance=False,
        useImageSpacing=False,
    )
    distance: npt.NDArray[np.float32] = np.clip(sitk.GetArrayFromImage(squared), 0, None) * np.float32(pixel_mm)
    return distance


def _close(mask: BoolArray, mm: float, pixel_mm: float) -> BoolArray:
    pad = int(mm / pixel_mm) + 2
    grown = _distance_outside(np.pad(mask, pad), pixel_mm) <= mm
    closed: BoolArray = _distance_inside(grown, pixel_mm)[pad:-pad, pad:-pad] > mm
    return closed | mask


def _fill(mask: BoolArray) -> BoolArray:
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(mask.astype(np.uint8)))
    return np.asarray(sitk.GetArrayFromImage(filled) > 0)
